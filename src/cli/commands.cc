#include "cli/commands.h"

namespace holdfast::cli {

std::vector<Command> Commands() {
  return {
      InitCommand(),        CheckCommand(),    BackupCommand(),      RestoreCommand(),
      ExportCommand(),      UsageCommand(),    RepairCommand(),      VerifyCommand(),
      ListCommand(),        ShowCommand(),     PinCommand(),         UnpinCommand(),
      ForgetCommand(),      PruneCommand(),    CopyCommand(),        StatusCommand(),
      WalPushCommand(),     WalFetchCommand(), WalPrefetchCommand(), WalForwardCommand(),
      WalStreamCommand(),   WalFlushCommand(), WalStatusCommand(),   ConfigShowCommand(),
      ConfigCheckCommand(), KeyAddCommand(),   KeyListCommand(),     KeyRemoveCommand(),
      KeyKitCommand(),
  };
}

std::string_view GroupPurpose(std::string_view group) {
  if (group == "wal") return "Archive, fetch and watch the write-ahead log";
  if (group == "key") return "Passphrases and key files that open a repository";
  if (group == "config") return "The effective configuration";
  return {};
}

}  // namespace holdfast::cli
