// The table of commands.
#pragma once

#include <vector>

#include "cli/command.h"

namespace holdfast::cli {

Command CheckCommand();
Command ConfigShowCommand();
Command ConfigCheckCommand();
Command InitCommand();
Command KeyAddCommand();
Command KeyListCommand();
Command KeyRemoveCommand();
Command KeyKitCommand();
Command BackupCommand();
Command RestoreCommand();
Command UsageCommand();
Command ExportCommand();
Command VerifyCommand();
Command ListCommand();
Command ShowCommand();
Command PinCommand();
Command UnpinCommand();
Command ForgetCommand();
Command PruneCommand();
Command RepairCommand();
Command CopyCommand();
Command StatusCommand();
Command WalPushCommand();
Command WalFetchCommand();
Command WalPrefetchCommand();
Command WalForwardCommand();
Command WalStreamCommand();
Command WalFlushCommand();
Command WalStatusCommand();

// In the order of `holdfast --help`.
std::vector<Command> Commands();

// What the words say that only lead to further words: "wal", "key", "config".
std::string_view GroupPurpose(std::string_view group);

}  // namespace holdfast::cli
