// One WAL record, taken apart: what it is, which pages it changes, and its own data.
//
// Source: src/include/access/xlogrecord.h. The flags of page images differ between 14 and 15; the
// rest is the same in 13 to 18.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "pg/checkpoint.h"
#include "pg/cluster_files.h"
#include "pg/lsn.h"
#include "pg/version.h"

namespace holdfast::pg {

inline constexpr std::size_t kWalRecordHeaderSize = 24;

// rmgrlist.h; those from 128 on belong to extensions (15 and newer).
enum class ResourceManager : std::uint8_t {
  kXlog = 0,
  kTransaction = 1,
  kStorage = 2,
  kClog = 3,
  kDatabase = 4,
  kTablespace = 5,
  kMultiXact = 6,
  kRelationMap = 7,
  kStandby = 8,
  kHeap2 = 9,
  kHeap = 10,
  kBtree = 11,
  kHash = 12,
  kGin = 13,
  kGist = 14,
  kSequence = 15,
  kSpGist = 16,
  kBrin = 17,
  kCommitTimestamp = 18,
  kReplicationOrigin = 19,
  kGeneric = 20,
  kLogicalMessage = 21,
  kFirstCustom = 128,
};
bool IsKnownResourceManager(ResourceManager manager, MajorVersion version);

struct WalRecordHeader {
  std::uint32_t total_length = 0;
  TransactionId xid = 0;
  Lsn previous;  // start of the record before
  std::uint8_t info = 0;
  ResourceManager resource_manager = ResourceManager::kXlog;
  std::uint32_t crc = 0;
};
// Throws Error(kCorrupt) on fewer than kWalRecordHeaderSize bytes.
WalRecordHeader ParseWalRecordHeader(base::ByteView bytes);

// A page that the record changes or restores.
struct BlockReference {
  std::uint8_t id = 0;
  RelationId relation;
  Fork fork = Fork::kMain;
  BlockNumber block = 0;
  bool will_initialise = false;  // replay needs nothing of the page's old contents
  bool has_image = false;
  bool image_is_applied = false;  // false: the image is for wal_consistency_checking only
  base::ByteView image;           // as stored: compressed, or without the page's free space
  base::ByteView data;
};

// Views point into the reader that returned the record.
struct WalRecord {
  Lsn start;
  // Where the next record may start: aligned to 8 bytes; for a switch the start of a segment.
  Lsn end;
  TimelineId timeline;  // of the page it starts on
  WalRecordHeader header;
  std::vector<BlockReference> blocks;
  base::ByteView main_data;

  // The upper half of info, which resource managers use for the kind of record.
  std::uint8_t kind() const { return header.info & 0xF0; }
};

// Takes `bytes`, a whole record with its header, apart into `record.header`, `blocks`, `main_data`.
// Throws Error(kCorrupt) when its parts do not fit; the CRC is the caller's to check.
void DecodeWalRecord(base::ByteView bytes, MajorVersion version, WalRecord& record);

// True when the CRC in the header is that of the record.
bool WalRecordCrcIsRight(base::ByteView bytes);

// --- What some kinds of record say ---

// The rest of the segment is unused.
bool IsSegmentSwitch(const WalRecordHeader& header);

// Commits and aborts, also of prepared transactions.
bool EndsTransaction(const WalRecordHeader& header);

// When a transaction ended. What recovery_target_time is compared with.
std::optional<base::Time> CommitTime(const WalRecord& record);

struct RestorePoint {
  std::string name;
  base::Time time;
};
// pg_create_restore_point().
std::optional<RestorePoint> ReadRestorePoint(const WalRecord& record);

// Checkpoints of a running server and at shutdown; on a standby these are where restartpoints fall.
std::optional<Checkpoint> ReadCheckpointRecord(const WalRecord& record);

// Set for the record that follows a lost one: where the lost one started.
std::optional<Lsn> ReadAbandonedRecord(const WalRecord& record);

// The end of a backup, with where it started.
std::optional<Lsn> ReadBackupEnd(const WalRecord& record);

}  // namespace holdfast::pg
