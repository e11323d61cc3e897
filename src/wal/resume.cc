#include "wal/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace holdfast::wal {

namespace {

[[noreturn]] void ReportRollback(std::string_view how) {
  throw base::Error(
      base::ErrorKind::kConflict, fmt::format("the server was rolled back: {}", how),
      {"was it restored from a snapshot or a copy? then its new WAL contradicts what is archived",
       "recover the lost transactions from the archive first, or give the rolled-back server a "
       "source of its own; nothing was overwritten"});
}

pg::Lsn SegmentStartBefore(pg::Lsn end, pg::SegmentSize size) {
  return pg::SegmentStart(pg::SegmentOfByteBefore(end, size), size);
}

void RequireNotBehind(const ResumeInput& input, const Received& received) {
  if (input.server_flush >= received.end) return;
  const std::string how = fmt::format(
      "it stands at {} on timeline {}, but has already sent WAL up to {}",
      pg::FormatLsn(input.server_flush), received.timeline.value(), pg::FormatLsn(received.end));
  if (input.in_recovery) {
    throw base::Error(base::ErrorKind::kUnavailable, "the standby is behind: " + how);
  }
  ReportRollback(how);
}

const Received* FindReceived(const std::vector<Received>& received, pg::TimelineId timeline) {
  const auto found = std::ranges::find(received, timeline, &Received::timeline);
  return found == received.end() ? nullptr : &*found;
}

ResumePoint StartAt(const ResumeInput& input, pg::Lsn lsn, std::optional<pg::Lsn> received_end) {
  const pg::SegmentNumber segment = pg::SegmentOfByteAt(lsn, input.segment_size);
  return {.timeline = input.server_history.TimelineOfByteAt(lsn),
          .from = pg::SegmentStart(segment, input.segment_size),
          .received_end = received_end};
}

}  // namespace

std::vector<Received> WhatWasReceived(const std::vector<SpooledSegment>& spool,
                                      const Inventory& archive, pg::Lsn kept_from) {
  std::map<pg::TimelineId, pg::Lsn> ends;
  for (const SpooledSegment& segment : spool) {
    ends[segment.timeline] = std::max(ends[segment.timeline], segment.end);
  }
  std::map<pg::TimelineId, pg::Lsn> archived;
  for (const WalRange& range : archive.ranges) {
    const auto spooled = ends.find(range.timeline);
    const bool is_island = kept_from.IsValid() && kept_from < range.start;
    if (spooled == ends.end()) {
      if (!is_island) archived[range.timeline] = std::max(archived[range.timeline], range.end);
    } else if (range.start <= spooled->second && spooled->second < range.end) {
      spooled->second = range.end;
    }
  }
  ends.merge(archived);
  std::vector<Received> received;
  received.reserve(ends.size());
  for (const auto& [timeline, end] : ends) received.push_back({.timeline = timeline, .end = end});
  return received;
}

ResumePoint ChooseResumePoint(const ResumeInput& input) {
  const pg::TimelineId current = input.server_history.timeline();
  if (input.seen && current < *input.seen) {
    ReportRollback(fmt::format("it is on timeline {}, but was on {} before", current.value(),
                               input.seen->value()));
  }
  const std::vector<pg::TimelineSpan> spans = input.server_history.Spans();
  for (auto newest = spans.rbegin(); newest != spans.rend(); ++newest) {
    const pg::TimelineSpan& span = *newest;
    const Received* received = FindReceived(input.received, span.timeline);
    if (received == nullptr) continue;
    if (!span.end) RequireNotBehind(input, *received);
    // What was received beyond the point where the timeline was left is on the abandoned branch.
    const pg::Lsn end = span.end ? std::min(received->end, *span.end) : received->end;
    const pg::Lsn first =
        pg::SegmentStart(pg::SegmentOfByteAt(span.begin, input.segment_size), input.segment_size);
    return {.timeline = span.timeline,
            .from = std::max(SegmentStartBefore(end, input.segment_size), first),
            .received_end = end};
  }
  return StartAt(input, input.oldest, std::nullopt);
}

ResumePoint AfterLostWal(const ResumePoint& resume, const ResumeInput& input) {
  if (resume.received_end) {
    const pg::SegmentNumber next = pg::SegmentOfByteAt(*resume.received_end, input.segment_size);
    const pg::Lsn start = pg::SegmentStart(next, input.segment_size);
    if (start > resume.from) {
      return {.timeline = input.server_history.TimelineOfByteAt(start),
              .from = start,
              .received_end = resume.received_end};
    }
  }
  const pg::Lsn beyond = std::max(resume.from + input.segment_size.bytes(), input.oldest);
  return StartAt(input, std::min(beyond, std::max(input.server_flush, input.oldest)),
                 resume.received_end);
}

}  // namespace holdfast::wal
