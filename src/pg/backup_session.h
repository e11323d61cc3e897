// The connection that holds a non-exclusive backup open: pg_backup_start ... pg_backup_stop (13 and
// 14: pg_start_backup, pg_stop_backup), with the facts about the cluster that a backup needs.
//
// Of a standby too. It starts at the redo position of the last restartpoint, and ends where the
// control file says that recovery must get to (src/backend/access/transam/xlog.c,
// do_pg_backup_stop): nothing is written for it, and no segment is switched.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "pg/connection.h"
#include "pg/lsn.h"

namespace holdfast::pg {

struct Tablespace {
  Oid oid = 0;
  std::string name;
  std::string location;  // absolute; empty when in place (a directory under pg_tblspc)
  bool in_place = false;
};

struct ClusterFacts {
  SystemIdentifier system_identifier;
  int server_version = 0;  // 150004
  std::uint32_t wal_segment_size = 0;
  bool data_checksums = false;
  std::string data_directory;  // as the server names it; empty when the role may not see it
  std::vector<std::string>
      outside_files;  // configuration files outside the data directory, when visible
  std::vector<Tablespace> tablespaces;
  std::string postmaster_start;  // pg_postmaster_start_time(), text, UTC
  int port = 0;
  bool in_recovery = false;
  bool fsync_on = true;
  bool full_page_writes = true;
  bool wal_log_hints = false;
  std::string wal_level;
  std::string archive_mode;
};

// What every further connection of a backup must see to be on the same postmaster: soundness of
// reading through SQL.
struct PostmasterProof {
  std::int32_t key1 = 0;  // advisory lock held by the session
  std::int32_t key2 = 0;
  int backend_pid = 0;
  std::string postmaster_start;
  std::string slot;  // a temporary slot on it (WalHold); empty without one
};
// Throws Error(kConflict) unless `connection` is on the postmaster that `proof` was taken on.
void ProveSamePostmaster(Connection& connection, const PostmasterProof& proof);

struct BackupStart {
  Lsn lsn;
  TimelineId timeline;
  base::Time time;
};
struct BackupStop {
  Lsn lsn;  // WAL up to here is needed
  TimelineId timeline;
  base::Time time;
  std::string backup_label;
  std::string tablespace_map;  // empty when there are no tablespaces
};

struct BackupSessionOptions {
  ConnectOptions connect;
  std::string label;
  bool fast_checkpoint = true;
  // Goes into the proof: a slot that keeps the WAL of the backup (WalHold); empty without one.
  std::string slot{};
  // With what the server is, before it begins anything; what it throws ends the start.
  std::function<void(const ClusterFacts&)> approve{};
  // The server may write out all its shared buffers first, and slowly without fast_checkpoint.
  std::chrono::seconds checkpoint_timeout{std::chrono::hours{2}};
};

// Losing the connection aborts the backup on the server's side; every later call throws. Not
// thread-safe.
class BackupSession {
 public:
  // Error(kUsage) for a major version that is not supported, Error(kConflict) for wal_level =
  // minimal, SqlError(kDenied) when the role lacks a grant.
  static BackupSession Start(const BackupSessionOptions& options);
  ~BackupSession();
  BackupSession(BackupSession&&) noexcept;

  const ClusterFacts& facts() const;
  const BackupStart& start() const;
  const PostmasterProof& proof() const;
  Connection& connection();

  // A cheap query that shows the session alive and the server not restarted or promoted. Call it
  // now and then.
  void KeepAlive();
  // Waits for nothing but the server's own work: archiving is watched by the caller. Once.
  // Error(kConflict) when the timeline changed meanwhile (promotion during the backup).
  BackupStop Stop();

 private:
  struct State;
  explicit BackupSession(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Does not judge them: also of a standby and of any major version.
ClusterFacts ReadClusterFacts(Connection& connection);

}  // namespace holdfast::pg
