// How the WAL is cut into segment files, and what the files of pg_wal and of an archive are called.
//
// Source: src/include/access/xlog_internal.h of PostgreSQL 13 to 18.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "pg/lsn.h"

namespace holdfast::pg {

// Counts a cluster's segments from 0; segment n holds the bytes [n * size, (n + 1) * size).
using SegmentNumber = StrongNumber<struct SegmentNumberTag, std::uint64_t>;

// A power of two from 1 MiB to 1 GiB, chosen at initdb and changed only by pg_resetwal.
class SegmentSize {
 public:
  // 16 MiB, the server's default.
  constexpr SegmentSize() = default;
  // Throws Error(kCorrupt) on any other size.
  static SegmentSize FromBytes(std::uint64_t bytes);

  constexpr std::uint64_t bytes() const { return bytes_; }
  friend constexpr auto operator<=>(SegmentSize, SegmentSize) = default;

 private:
  std::uint64_t bytes_ = 16 * base::kMiB;
};

Lsn SegmentStart(SegmentNumber segment, SegmentSize size);
// One past the last byte: the start of the next segment.
Lsn SegmentEnd(SegmentNumber segment, SegmentSize size);
std::uint64_t OffsetInSegment(Lsn lsn, SegmentSize size);

// The segment of the byte *at* `lsn`: where a record that starts there is read (XLByteToSeg).
SegmentNumber SegmentOfByteAt(Lsn lsn, SegmentSize size);
// The segment of the last byte *before* `lsn`: the last one needed to reach an end position. On a
// boundary it is one less than SegmentOfByteAt (XLByteToPrevSeg). Lsn 0 gives segment 0.
SegmentNumber SegmentOfByteBefore(Lsn lsn, SegmentSize size);

SegmentNumber NextSegment(SegmentNumber segment);

// "0000000100000016000000B3": 8 digits each of timeline, log and segment within the log (4 GiB).
std::string FormatSegmentName(TimelineId timeline, SegmentNumber segment, SegmentSize size);
// "00000002.history".
std::string FormatHistoryName(TimelineId timeline);

enum class WalFileKind {
  kSegment,        // 000000010000000000000002
  kPartial,        // 000000010000000000000002.partial: the tail of a timeline that was left
  kHistory,        // 00000002.history
  kBackupHistory,  // 000000010000000000000002.00000028.backup
};

struct WalFileName {
  WalFileKind kind = WalFileKind::kSegment;
  TimelineId timeline;
  // Not for kHistory.
  SegmentNumber segment;
  // kBackupHistory only: where the backup's WAL starts.
  Lsn backup_start;

  friend bool operator==(const WalFileName&, const WalFileName&) = default;
};

// What a name in pg_wal, without its folder, stands for. Nothing when the server would not have
// made it: wrong length, lower-case digits, timeline 0, a segment beyond its log, other endings
// (".done", "xlogtemp.123", ...).
std::optional<WalFileName> ParseWalFileName(std::string_view name, SegmentSize size);

// As ParseWalFileName where the segment size is not known yet.
std::optional<WalFileKind> WalFileKindOf(std::string_view name);

}  // namespace holdfast::pg
