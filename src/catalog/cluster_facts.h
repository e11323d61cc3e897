// What a cluster backup records about itself in a snapshot's attributes (docs/format/snapshot.md,
// "Cluster backups").
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "pg/lsn.h"
#include "repo/snapshot.h"

namespace holdfast::catalog {

// The kind of a snapshot that holds a cluster.
inline constexpr std::string_view kClusterKind = "cluster";

struct TablespaceFacts {
  pg::Oid oid = 0;
  std::string name;
  std::string location;
  bool in_place = false;
};

struct BadPage {
  std::string path;
  pg::BlockNumber block = 0;  // within the file
};

// What a backup asked of its store over a network, up to its commit.
struct RequestFacts {
  std::uint64_t put = 0;
  std::uint64_t list = 0;
  std::uint64_t get = 0;
  std::uint64_t head = 0;
  std::uint64_t remove = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};
nlohmann::json ToJson(const RequestFacts& requests);

// How a backup found what changed since the one before it.
enum class ChangesFrom {
  kNothing,  // there was none: everything is stored
  kReading,  // everything was read and compared
  kWal,      // only what the WAL names was read
};
// "nothing", "reading", "wal": in JSON and in snapshots.
std::string_view ChangesFromName(ChangesFrom from);

// What a backup found that read everything to audit what it would have left out.
struct AuditFacts {
  std::uint64_t pages_missed = 0;  // differ from the earlier backup, though no WAL names them
  std::vector<BadPage> missed;     // the first of them
  // Differ as well, but only in what the server writes without WAL (hint bits).
  std::uint64_t pages_without_wal = 0;
};
nlohmann::json ToJson(const AuditFacts& audit);

// What a backup uses of a pack that an earlier one made, in bytes as they are uncompressed.
struct PackUse {
  repo::ShortPackId pack;
  std::uint64_t live_bytes = 0;
  std::uint64_t total_bytes = 0;  // 0: not to be judged (metadata)
};
// How scattered a backup is.
struct OlderPacksFacts {
  std::uint64_t packs = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t total_bytes = 0;
  std::vector<PackUse> thin;  // of which little is in use, the thinnest first, not more than some
};
nlohmann::json ToJson(const OlderPacksFacts& packs);

struct ClusterFacts {
  std::string method;  // how files were read: "local" or "sql"
  ChangesFrom changes_from = ChangesFrom::kNothing;
  std::string why_all_read;  // of kReading; empty in backups of earlier versions
  int server_version = 0;
  std::uint32_t wal_segment_size = 0;
  bool data_checksums = false;
  pg::SystemIdentifier system;
  pg::TimelineId timeline;
  pg::Lsn start_lsn;
  pg::Lsn stop_lsn;       // WAL up to here makes it consistent
  base::Time start_time;  // the server's clock
  base::Time stop_time;
  std::string backup_label;
  std::string tablespace_map;
  std::vector<TablespaceFacts> tablespaces;
  std::vector<std::string> outside_files;
  std::vector<BadPage> bad_pages;  // checksum failures that WAL replay does not mend
  std::uint64_t bytes_source = 0;  // size of everything the backup holds
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_stored = 0;
  std::uint64_t pages_changed = 0;
  std::uint64_t pages = 0;
  std::uint64_t files = 0;
  std::optional<AuditFacts> audit;
  std::optional<OlderPacksFacts> older_packs;  // empty: an earlier version's
  std::optional<RequestFacts> requests;        // empty: of a directory, or an earlier version's
};

nlohmann::json ToJson(const ClusterFacts& facts);
// Of a snapshot of kind "cluster"; Error(kCorrupt) naming the backup when a fact is missing or
// malformed.
ClusterFacts FactsOf(const repo::Snapshot& snapshot);

// Every readable cluster backup of a source with its facts, ascending by start. Damaged ones are
// handed to `damaged`.
struct ClusterBackup {
  repo::Snapshot snapshot;
  ClusterFacts facts;
};
std::vector<ClusterBackup> ClusterBackups(
    const repo::Repository& repository, std::string_view source,
    const std::function<void(const repo::BackupId&, const base::Error&)>& damaged);

}  // namespace holdfast::catalog
