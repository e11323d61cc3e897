// What `check` found, one item each: pure decisions over what a server said.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "config/config.h"
#include "pg/replication.h"

namespace holdfast::cli {

// kRefused: it works, and would end badly.
enum class CheckState { kOk, kAttention, kFailed, kRefused };
std::string_view CheckStateName(CheckState state);

struct CheckItem {
  std::string name;
  CheckState state = CheckState::kOk;
  std::string detail{};
  std::string hint{};  // what to do; never empty unless the state is kOk
  // Of a failed one: what another command would end with that failed for this.
  ExitCode code = ExitCode::kUnavailable;
};

// 0, 1 for attention, 4 when something is refused. When something failed, the first one's code:
// what comes after it may have failed for the same reason.
ExitCode ExitCodeOf(const std::vector<CheckItem>& items);

// How a receiver would get WAL from this server.
enum class WalWay { kNone, kReplication, kSql };

// synchronous_commit as ALTER ROLE or ALTER DATABASE set it.
struct CommitSetting {
  std::string who;  // "role app", "database shop", in words
  std::string value;
};

// Everything asked of a server in one go.
struct ServerView {
  std::string source;  // for hints
  int version = 0;     // 150004
  bool in_recovery = false;
  std::string application_name{};
  // By name; what the role may not see is not there.
  std::map<std::string, std::string> settings{};
  std::vector<CommitSetting> commit_settings{};
  std::vector<std::string> standbys{};  // application_name of those connected

  std::string role{};
  bool replicates = false;  // the attribute, or a superuser
  bool reads_settings = false;
  bool reads_files = false;
  std::vector<std::string> granted{};  // functions the role may call, of pg::GrantedFunctions
  std::vector<std::string> missing{};  // and may not

  std::uint64_t slots_used = 0;
  std::uint64_t senders_used = 0;
  std::optional<pg::SlotInfo> slot{};              // the receiver's, if there is one
  std::optional<std::uint64_t> slot_holds_back{};  // bytes of WAL that it keeps
  bool archiving_fails = false;                    // the last attempt of the archiver
};

std::vector<CheckItem> JudgeServer(const ServerView& server);
std::vector<CheckItem> JudgeRights(const ServerView& server);
// For sources whose WAL is streamed.
std::vector<CheckItem> JudgeSlots(const ServerView& server, std::string_view slot_name);
CheckItem JudgeSynchronous(const ServerView& server, WalWay way);
// For sources whose WAL is pushed.
CheckItem JudgeArchiving(const ServerView& server);

// Whether synchronous_standby_names names a standby: compared without case; "*" names all. The
// forms are a, b | 1 (a, "b c") | FIRST 1 (a, b) | ANY 1 (a, b).
bool NamesStandby(std::string_view names, std::string_view application_name);

// Room for more.
struct Room {
  std::string name;  // of the item
  std::string where;
  std::uint64_t free = 0;
  std::uint64_t wanted = 0;  // less is attention
};
CheckItem JudgeRoom(const Room& room);

}  // namespace holdfast::cli
