// How well a source is protected, and why: pure decisions over facts that were gathered before.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cli/recovery_windows.h"
#include "config/config.h"

namespace holdfast::cli {

// In the order in which the worst of several counts.
enum class Protection { kProtected, kAttention, kUnknown, kUnprotected };
std::string_view ProtectionName(Protection protection);

struct Reason {
  Protection severity = Protection::kAttention;
  std::string text;
  std::string hint;
};

struct NewestBackup {
  std::string id;
  std::string kind;
  base::Time finished;
  std::uint64_t size = 0;
  std::size_t bad_pages = 0;
  std::vector<std::string> warnings{};
};

// Written by the server and not yet in the repository.
struct AtRisk {
  std::uint64_t bytes = 0;
  std::optional<base::Duration> time{};  // empty: since when is not known
};

struct ReceiverFacts {
  bool running = false;
  std::string problem{};
  std::optional<base::Time> last_received{};
};

// How the server's own archiver does, for sources whose WAL is pushed.
struct ArchiverFacts {
  bool off = false;
  std::string failed{};   // the file of the last attempt, if that failed
  std::string waiting{};  // the first segment that is finished and not in the repository
  // Since when; empty when the server does not have the segment any more.
  std::optional<base::Duration> waiting_for{};
};

// One of the repositories that are to hold a copy.
struct CopyFacts {
  std::string repository;
  std::string problem{};  // why it cannot be read; then nothing else is known
  std::size_t backups = 0;
  std::optional<NewestBackup> newest{};
  std::optional<pg::Lsn> wal_end{};    // without a gap, from its newest backup on
  std::string wal_gap{};               // the segments that are missing behind that, in words
  std::vector<std::string> damaged{};  // backups there that cannot be read
  std::string forward_problem{};       // why the WAL of this host did not get there at last
};

struct SourceFacts {
  std::string source;
  // Null for a source that only the repository knows (any more): nothing more is expected of it.
  const config::Source* configured = nullptr;
  base::Time now;

  std::size_t backups = 0;
  std::optional<NewestBackup> newest{};
  struct Damaged {
    std::string id;
    std::string text;
  };
  std::vector<Damaged> damaged{};
  // The newest ones, up to one that can be restored: they lack packs, or those are damaged.
  std::vector<Damaged> incomplete{};

  // Clusters only.
  std::vector<std::string> without_wal{};  // backups whose own WAL is not all there
  std::size_t usable_clusters = 0;
  std::string open_gap{};  // the missing segments after the newest usable backup, in words
  // The timeline that counts, when no backup leads to any moment of it.
  std::optional<std::uint32_t> unreached_timeline{};
  std::vector<std::string> archive_problems{};
  bool server_asked = false;
  std::string server_problem{};  // why it could not be asked
  bool other_cluster = false;    // the server is not the one that the newest backup is of
  std::string slot_problem{};
  std::optional<AtRisk> at_risk{};          // empty: unknown
  std::optional<ReceiverFacts> receiver{};  // of this host
  // Whether the server has a receiver connected, of whatever host; empty: unknown.
  std::optional<bool> receiver_connected{};
  std::optional<ArchiverFacts> archiver{};
  std::vector<CopyFacts> copies{};
};

std::vector<Reason> JudgeProtection(const SourceFacts& facts);
// Of the archiver alone; an idle server is not late.
std::optional<Reason> JudgeArchiver(const config::Source& source, const ArchiverFacts& archiver);
// Of the copies alone: also where the source's own repository cannot be read.
std::vector<Reason> JudgeCopies(const SourceFacts& facts);
Protection WorstOf(const std::vector<Reason>& reasons);

// An idle server is not late: without newer WAL nothing is at risk, however long ago the last
// commit was. Empty when a position is unknown.
struct RiskInput {
  std::optional<pg::Lsn> server{};  // flushed there
  std::optional<pg::Lsn> stored{};
  std::optional<base::Time> last_stored{};  // the newest commit or receipt known to be stored
  base::Time now{};
};
std::optional<AtRisk> RiskOf(const RiskInput& input);

// Nagios: 0 ok, 1 warning, 2 critical, 3 unknown.
int NagiosCode(Protection protection);
std::string_view NagiosWord(Protection protection);

}  // namespace holdfast::cli
