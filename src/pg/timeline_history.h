// A timeline's history: which earlier timelines it grew from, and where it left each.
//
// Source: src/backend/access/transam/timeline.c. A file lists, oldest first, one line for each
// ancestor: "<parent timeline>\t<switch point>\t<reason>". Timeline 1 has no file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/lsn.h"

namespace holdfast::pg {

// One line of a history file: the ancestor `timeline` was left at `left_at`.
struct TimelineSwitch {
  TimelineId timeline;
  Lsn left_at;
  std::string reason;
  friend bool operator==(const TimelineSwitch&, const TimelineSwitch&) = default;
};

// The part of the WAL's positions in which a timeline is the one that counts: [begin, end).
struct TimelineSpan {
  TimelineId timeline;
  Lsn begin;
  std::optional<Lsn> end;  // none for the last
  friend bool operator==(const TimelineSpan&, const TimelineSpan&) = default;
};

class TimelineHistory {
 public:
  // Timeline 1.
  TimelineHistory() = default;
  // Throws Error(kCorrupt) unless the ancestors rise and are below `timeline`; or when a timeline
  // above 1 has no ancestors, or timeline 1 has some.
  //
  // Switch points may fall: a server that follows timeline 2 and ends its recovery before the point
  // where 2 left 1 writes a file that leaves 2 earlier than 1 (writeTimeLineHistory). Such a
  // history left both at the lower point, and has nothing of 2 (tliOfPointInHistory).
  TimelineHistory(TimelineId timeline, std::vector<TimelineSwitch> ancestors);

  // Reads the file of `timeline`. Comments (#), empty lines and CRLF are tolerated. A file without
  // any ancestor, or cut inside its last line, is corrupt: Error(kCorrupt).
  static TimelineHistory Parse(TimelineId timeline, std::string_view text);
  // As the server writes it. Empty for timeline 1, which has no file.
  std::string Format() const;

  TimelineId timeline() const { return timeline_; }
  const std::vector<TimelineSwitch>& ancestors() const { return ancestors_; }
  // Oldest first, abutting, from 0 without end. An ancestor of which the history has nothing is
  // left out; one that was left where it began has an empty span.
  std::vector<TimelineSpan> Spans() const;

  // The timeline whose WAL holds the byte at `lsn` in this history. At a switch point that is the
  // new one.
  TimelineId TimelineOfByteAt(Lsn lsn) const;
  // Where this history left `timeline`: nothing for its own timeline, which it has not left, and
  // for timelines that its file does not name (ask Includes).
  std::optional<Lsn> LeftAt(TimelineId timeline) const;
  bool Includes(TimelineId timeline) const;
  // Whether a cluster that has replayed `timeline` up to `lsn` can go on along this history: it is
  // part of it, and `lsn` is not beyond the point where it was left. The switch point itself
  // belongs to both sides.
  bool CanContinueFrom(TimelineId timeline, Lsn lsn) const;

  friend bool operator==(const TimelineHistory&, const TimelineHistory&) = default;

 private:
  TimelineId timeline_{1};
  std::vector<TimelineSwitch> ancestors_;
};

}  // namespace holdfast::pg
