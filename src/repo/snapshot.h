// Snapshots: the commit record of one backup (docs/format/snapshot.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/hash.h"
#include "repo/ids.h"
#include "repo/repository.h"
#include "repo/tree.h"

namespace holdfast::repo {

// The stretch of a source's log that a backup needs to be consistent. Positions are the log's own
// (for PostgreSQL: system identifier, timeline, LSNs); `repo` only stores and compares them. In
// clear: prune expires logs without keys.
struct LogRange {
  std::uint64_t system = 0;
  std::uint32_t timeline = 0;
  std::uint64_t start = 0;
  std::uint64_t stop = 0;
  bool operator==(const LogRange&) const = default;
};

struct SnapshotDraft {
  std::string kind;  // "cluster", "dump", "volume"
  base::Time started;
  base::Time finished;
  std::optional<LogRange> log;
  TreeRoot tree;
  std::optional<BackupId> parent;
  std::map<std::string, std::string> labels;
  bool pinned = false;
  std::vector<std::string> warnings;
  // What the pipelines want to keep about it; `repo` does not look inside.
  nlohmann::json attributes = nlohmann::json::object();
};

struct Snapshot {
  BackupId id;
  SnapshotDraft facts;
  std::uint64_t sequence = 0;               // per source, from 1
  std::optional<codec::Digest> previous;    // SHA-256 of this source's previous snapshot object
  std::optional<codec::Digest> withdrawal;  // what its writer can withdraw it by (withdrawal.h)
  std::uint64_t pack_count = 0;
};

// Which of two backups is the earlier: by start, to the microsecond, where names tell seconds only;
// of the same microsecond by the order in which they were committed.
bool IsEarlier(const Snapshot& a, const Snapshot& b);

// The part that needs no key.
struct PlainSnapshot {
  BackupId id;
  std::string kind;
  base::Time started;
  std::optional<LogRange> log;
  std::uint64_t pack_count = 0;
  std::optional<codec::Digest> withdrawal;
};

// What stands under snapshots/. `tombstones`: also those that their writers withdrew. `foreign`:
// names that are nothing of ours.
struct SnapshotListing {
  std::set<BackupId> snapshots;
  std::set<BackupId> tombstones;
  std::vector<std::string> foreign;
};
// What an object under snapshots/ is by its name.
struct SnapshotName {
  enum class What { kSnapshot, kTombstone, kWithdrawal };
  BackupId id;
  What what = What::kSnapshot;
};
std::optional<SnapshotName> ParseSnapshotName(std::string_view object);

SnapshotListing ListSnapshotObjects(storage::Storage& storage, std::string_view source = {});

// Every snapshot object of `source` (all sources when empty) that is not tombstoned, ascending by
// source and name.
std::vector<BackupId> ListBackups(const Repository& repository, std::string_view source = {});
std::vector<std::string> ListSources(const Repository& repository);

// Reads the head of the object only. Error(kNotFound), Error(kCorrupt) naming it.
Snapshot ReadSnapshot(const Repository& repository, const BackupId& id);
// All backups that can be read, the earliest first; each that cannot is handed to `damaged` (or
// throws when not given).
std::vector<Snapshot> ReadSnapshots(
    const Repository& repository, std::string_view source,
    const std::function<void(const BackupId&, const base::Error&)>& damaged = {});
// The packs it needs; checked against the digest that the sealed body holds.
std::vector<ShortPackId> ReadPackList(storage::Storage& storage, const BackupId& id);
PlainSnapshot ReadPlainSnapshot(storage::Storage& storage, const BackupId& id);  // needs no key

// A BACKUP argument: full id, unique prefix, or "source/latest". Error(kNotFound), Error(kUsage)
// when ambiguous. Only where several began in the last one's second are records read for "latest";
// one of them that cannot be read, and so might be it, throws.
BackupId ResolveBackup(const Repository& repository, std::string_view text);

}  // namespace holdfast::repo
