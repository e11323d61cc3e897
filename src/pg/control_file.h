// global/pg_control: who a cluster is, how it was built, and where its recovery starts.
//
// Source: src/include/catalog/pg_control.h of 13 to 18. 13 to 17 share one layout (formats
// 1300 and 1700); 18 (1800) adds a flag before the nonce, which moves the CRC.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/clock.h"
#include "pg/checkpoint.h"
#include "pg/lsn.h"
#include "pg/page.h"
#include "pg/version.h"
#include "pg/wal_segment.h"

namespace holdfast::pg {

// The file is padded with zeros to this size.
inline constexpr std::size_t kControlFileSize = 8192;

// What pg_controldata calls the database cluster state.
enum class ClusterState : std::uint32_t {
  kStartingUp = 0,
  kShutDown = 1,
  kShutDownInRecovery = 2,
  kShuttingDown = 3,
  kInCrashRecovery = 4,
  kInArchiveRecovery = 5,
  kInProduction = 6,
};
// "in production", ... as pg_controldata words it.
std::string_view ClusterStateName(ClusterState state);

enum class WalLevel : std::uint32_t { kMinimal = 0, kReplica = 1, kLogical = 2 };

// Settings that a standby must match or exceed, and that recovery needs.
struct ControlSettings {
  WalLevel wal_level = WalLevel::kMinimal;
  bool wal_log_hints = false;
  std::uint32_t max_connections = 0;
  std::uint32_t max_worker_processes = 0;
  std::uint32_t max_wal_senders = 0;
  std::uint32_t max_prepared_transactions = 0;
  std::uint32_t max_locks_per_transaction = 0;
  bool track_commit_timestamp = false;
};

struct ControlFile {
  MajorVersion version;
  SystemIdentifier system_identifier;
  ClusterState state = ClusterState::kStartingUp;
  base::Time time{};  // of the last update
  Lsn checkpoint_lsn{};
  Checkpoint checkpoint{};

  // What must be replayed before the cluster is consistent; zero outside recovery.
  Lsn min_recovery_point{};
  TimelineId min_recovery_timeline{};
  Lsn backup_start{};
  Lsn backup_end{};
  bool backup_end_required = false;

  ControlSettings settings{};

  std::uint32_t page_size = 0;
  std::uint32_t blocks_per_segment = 0;  // of a relation's segment file
  std::uint32_t wal_page_size = 0;
  SegmentSize segment_size{};
  std::uint32_t data_checksum_version = 0;  // 0: off

  bool HasDataChecksums() const { return data_checksum_version != 0; }
  PageChecksums page_checksums() const {
    return HasDataChecksums() ? PageChecksums::kOn : PageChecksums::kOff;
  }
};

// Throws Error(kUsage) for a version that is not supported, and Error(kCorrupt) for a file that is
// too short, fails its CRC (also a torn read: read again), or comes from another architecture. The
// version is judged after the CRC where the CRC's place is known, so that a torn file does not pass
// for a foreign one. Page sizes are told, not judged: see RequireSupportedPageSize.
ControlFile ParseControlFile(base::ByteView bytes);

}  // namespace holdfast::pg
