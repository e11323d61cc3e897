#include "wal/coverage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "pg/wal_segment.h"

namespace holdfast::wal {

namespace {

// The part of a range that a lineage can use.
struct Piece {
  pg::Lsn start;
  pg::Lsn end;
};

pg::Lsn EndOf(const pg::TimelineSpan& span) { return span.end.value_or(pg::Lsn(UINT64_MAX)); }

// A timeline's first segment begins with a copy of what its parent had written there.
pg::Lsn FirstCopied(const pg::TimelineSpan& span, pg::SegmentSize size) {
  return pg::SegmentStart(pg::SegmentOfByteAt(span.begin, size), size);
}

std::vector<Piece> UsablePieces(const Inventory& inventory, const Lineage& lineage) {
  std::vector<Piece> pieces;
  if (inventory.ranges.empty()) return pieces;
  const auto size = pg::SegmentSize::FromBytes(inventory.segment_size);
  for (const pg::TimelineSpan& span : lineage) {
    for (const WalRange& range : inventory.ranges) {
      if (range.timeline != span.timeline) continue;
      const Piece piece{.start = std::max(range.start, FirstCopied(span, size)),
                        .end = std::min(range.end, EndOf(span))};
      if (piece.start < piece.end) pieces.push_back(piece);
    }
  }
  std::ranges::sort(pieces, {}, &Piece::start);
  return pieces;
}

pg::TimelineId TimelineAt(const Lineage& lineage, pg::Lsn lsn) {
  for (const pg::TimelineSpan& span : lineage) {
    if (lsn < EndOf(span)) return span.timeline;
  }
  return lineage.back().timeline;
}

const pg::TimelineHistory* HistoryOf(const std::vector<pg::TimelineHistory>& histories,
                                     pg::TimelineId timeline) {
  const auto found = std::ranges::find(histories, timeline, &pg::TimelineHistory::timeline);
  return found == histories.end() ? nullptr : &*found;
}

// Whether `timeline` lies on the way to `descendant`, or is it.
bool LeadsTo(pg::TimelineId timeline, pg::TimelineId descendant,
             const std::vector<pg::TimelineHistory>& histories) {
  const pg::TimelineHistory* history = HistoryOf(histories, descendant);
  return timeline == descendant || (history != nullptr && history->Includes(timeline));
}

}  // namespace

std::string Gap::ToString(std::uint32_t segment_size) const {
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  const pg::SegmentNumber first = pg::SegmentOfByteAt(start, size);
  const pg::SegmentNumber last = pg::SegmentOfByteBefore(end, size);
  std::string first_name = pg::FormatSegmentName(timeline, first, size);
  if (last <= first) return first_name;
  return fmt::format("{} to {} ({} segments)", first_name,
                     pg::FormatSegmentName(timeline, last, size), last.value() - first.value() + 1);
}

Reach FollowWal(const Inventory& inventory, const Lineage& lineage, pg::Lsn start) {
  if (lineage.empty()) {
    throw base::Error(base::ErrorKind::kInternal, "a lineage has at least one timeline");
  }
  Reach reach{.end = start};
  for (const Piece& piece : UsablePieces(inventory, lineage)) {
    if (piece.end <= reach.end) continue;
    if (piece.start > reach.end) {
      reach.first_gap =
          Gap{.timeline = TimelineAt(lineage, reach.end), .start = reach.end, .end = piece.start};
      break;
    }
    reach.end = piece.end;
  }
  // What ends exactly at a switch point has not entered the next timeline.
  reach.end_timeline =
      TimelineAt(lineage, reach.end > start && reach.end.IsValid() ? reach.end - 1 : reach.end);
  return reach;
}

std::vector<std::string> NeededSegments(const Lineage& lineage, pg::Lsn start, pg::Lsn end,
                                        std::uint32_t segment_size) {
  std::vector<std::string> names;
  if (end <= start) return names;
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  const pg::SegmentNumber last = pg::SegmentOfByteBefore(end, size);
  for (pg::SegmentNumber segment = pg::SegmentOfByteAt(start, size); segment <= last;
       segment = pg::NextSegment(segment)) {
    // XLogFileReadAnyTLI: newest first, of those that begin in this segment or before.
    const auto newest =
        std::find_if(lineage.rbegin(), lineage.rend(), [&](const pg::TimelineSpan& span) {
          return pg::SegmentOfByteAt(span.begin, size) <= segment;
        });
    const pg::TimelineSpan& span = newest == lineage.rend() ? lineage.front() : *newest;
    names.push_back(pg::FormatSegmentName(span.timeline, segment, size));
  }
  return names;
}

LatestTimeline ChooseLatest(const Inventory& inventory, std::optional<pg::TimelineId> recorded,
                            const std::vector<pg::TimelineHistory>& histories) {
  LatestTimeline latest{.timeline = pg::TimelineId(1)};
  if (recorded) {
    latest.timeline = *recorded;
    for (const pg::TimelineId timeline : inventory.timelines) {
      // Timelines are numbered in the order they begin: a higher one is newer, wherever it forked.
      if (timeline > *recorded) latest.unseen_descendants.push_back(timeline);
    }
    return latest;
  }
  if (!inventory.timelines.empty()) latest.timeline = std::ranges::max(inventory.timelines);
  for (const pg::TimelineId timeline : inventory.timelines) {
    if (!LeadsTo(timeline, latest.timeline, histories)) {
      latest.unseen_descendants.push_back(timeline);
    }
  }
  return latest;
}

}  // namespace holdfast::wal
