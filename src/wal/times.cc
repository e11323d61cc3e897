#include "wal/times.h"

#include <algorithm>

#include "base/error.h"
#include "pg/wal_reader.h"
#include "wal/segment_check.h"
#include "wal/wal_lookup.h"

namespace holdfast::wal {

namespace {

constexpr std::size_t kFeedBytes = base::kMiB;

// Hands on the records of one segment's bytes. False: the visitor has seen enough, or WAL ends.
bool VisitRecords(pg::WalReader& reader, base::ByteView bytes, pg::Lsn start, pg::Lsn end,
                  const std::function<bool(const pg::WalRecord&)>& visit) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kFeedBytes);
    reader.Feed(bytes.first(count));
    bytes = bytes.subspan(count);
    while (const pg::WalRecord* record = reader.Next()) {
      if (record->end > end) return false;
      if (record->start >= start && !visit(*record)) return false;
    }
    if (reader.end()) return false;
  }
  return true;
}

}  // namespace

void ScanRecords(Archive& archive, pg::SystemIdentifier system, const Lineage& lineage,
                 pg::Lsn start, pg::Lsn end, std::uint32_t segment_size,
                 const std::function<bool(const pg::WalRecord&)>& visit) {
  if (end <= start) return;
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  pg::SegmentNumber segment = pg::SegmentOfByteAt(start, size);
  const pg::SegmentNumber last = pg::SegmentOfByteBefore(end, size);
  std::optional<pg::WalReader> reader;
  for (; segment <= last; segment = pg::NextSegment(segment)) {
    const base::Bytes bytes = LookUpSegment(archive, system, lineage, segment, size);
    if (!reader) {
      reader.emplace(
          pg::WalReaderOptions{.version = ReadSegmentHeader(bytes, "the first segment").version,
                               .segment_size = size,
                               .start = pg::SegmentStart(segment, size),
                               .system_identifier = system});
    }
    if (!VisitRecords(*reader, bytes, start, end, visit)) return;
  }
}

std::optional<CommitMark> LastCommit(Archive& archive, pg::SystemIdentifier system,
                                     const Lineage& lineage, pg::Lsn start, pg::Lsn end,
                                     std::uint32_t segment_size) {
  if (end <= start) return std::nullopt;
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  const pg::SegmentNumber first = pg::SegmentOfByteAt(start, size);
  pg::SegmentNumber segment = pg::SegmentOfByteBefore(end, size);
  while (true) {
    // The records that start in this segment, also where they end in a later one.
    const pg::Lsn segment_end = pg::SegmentEnd(segment, size);
    const pg::Lsn from = std::max(start, pg::SegmentStart(segment, size));
    std::optional<CommitMark> mark;
    ScanRecords(archive, system, lineage, from, end, segment_size,
                [&](const pg::WalRecord& record) {
                  if (record.start >= segment_end) return false;
                  if (const auto time = pg::CommitTime(record)) mark = {*time, record.end};
                  return true;
                });
    if (mark || segment == first) return mark;
    segment = pg::SegmentNumber(segment.value() - 1);
  }
}

}  // namespace holdfast::wal
