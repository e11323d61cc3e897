#include "wal/wal_lookup.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::wal {

base::Bytes LookUpSegment(Archive& archive, pg::SystemIdentifier system, const Lineage& lineage,
                          pg::SegmentNumber segment, pg::SegmentSize size) {
  const pg::Lsn start = pg::SegmentStart(segment, size);
  std::string first_name;
  for (auto newest = lineage.rbegin(); newest != lineage.rend(); ++newest) {
    const pg::TimelineSpan& span = *newest;
    if (pg::SegmentOfByteAt(span.begin, size) > segment) continue;
    if (span.end && *span.end <= start) break;  // what it has of the segment was abandoned
    const std::string name = pg::FormatSegmentName(span.timeline, segment, size);
    if (first_name.empty()) first_name = name;
    if (std::optional<base::Bytes> whole = archive.Get(system, name)) return std::move(*whole);
    auto open = archive.GetOpenSegment(system, span.timeline, start,
                                       static_cast<std::uint32_t>(size.bytes()));
    if (open) {
      open->bytes.resize(open->end - start);
      return std::move(open->bytes);
    }
  }
  throw base::Error(
      base::ErrorKind::kNotFound,
      fmt::format("segment {} is not in the archive of {}", first_name, archive.source()));
}

}  // namespace holdfast::wal
