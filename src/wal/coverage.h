// Pure decisions about what an archive can recover.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pg/lsn.h"
#include "pg/timeline_history.h"
#include "wal/archive.h"

namespace holdfast::wal {

struct Gap {
  pg::TimelineId timeline;
  pg::Lsn start;
  pg::Lsn end;
  std::string ToString(std::uint32_t segment_size) const;  // names the missing segments
  friend bool operator==(const Gap&, const Gap&) = default;
};

// The way through timelines: ancestors' spans oldest first, abutting, then the target's own
// (TimelineHistory::Spans).
using Lineage = std::vector<pg::TimelineSpan>;

// Follows the lineage from `start`: up to where WAL is there without a gap, and the first gap when
// there is WAL beyond it. The segment in which a timeline was left is also found in its successor's
// copy.
struct Reach {
  pg::Lsn end;
  pg::TimelineId end_timeline{};
  std::optional<Gap> first_gap{};
};
Reach FollowWal(const Inventory& inventory, const Lineage& lineage, pg::Lsn start);

// Segments needed to replay from `start` to `end` along the lineage, each under the timeline whose
// copy recovery asks for first.
std::vector<std::string> NeededSegments(const Lineage& lineage, pg::Lsn start, pg::Lsn end,
                                        std::uint32_t segment_size);

// "latest": see Archive::RecordedTimeline. Ambiguous when the archive holds a descendant that was
// never seen on the source. Where no timeline was ever recorded (archives that are only pushed to),
// the highest, as the server itself would choose, and `unseen_descendants` are the branches that do
// not lead to it.
struct LatestTimeline {
  pg::TimelineId timeline;
  std::vector<pg::TimelineId> unseen_descendants{};
};
LatestTimeline ChooseLatest(const Inventory& inventory, std::optional<pg::TimelineId> recorded,
                            const std::vector<pg::TimelineHistory>& histories);

}  // namespace holdfast::wal
