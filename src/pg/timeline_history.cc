#include "pg/timeline_history.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "pg/digits.h"

namespace holdfast::pg {

namespace {

constexpr std::string_view kBlanks = " \t";

[[noreturn]] void ThrowCorrupt(TimelineId timeline, std::string_view problem) {
  throw base::Error(base::ErrorKind::kCorrupt,
                    fmt::format("the history of timeline {} {}", timeline.value(), problem));
}

// Takes the next word off the front of `line`.
std::string_view TakeWord(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(kBlanks), line.size());
  line.remove_prefix(begin);
  const auto end = std::min(line.find_first_of(kBlanks), line.size());
  const auto word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

// Nothing for a comment or an empty line.
std::optional<TimelineSwitch> ParseLine(TimelineId timeline, std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos || line[first] == '#') return std::nullopt;
  const auto ancestor = ParseDigits<std::uint32_t>(TakeWord(line));
  const auto left_at = TryParseLsn(TakeWord(line));
  if (!ancestor || !left_at) ThrowCorrupt(timeline, "has a line that cannot be read");
  return TimelineSwitch{TimelineId(*ancestor), *left_at, std::string(line)};
}

}  // namespace

TimelineHistory::TimelineHistory(TimelineId timeline, std::vector<TimelineSwitch> ancestors)
    : timeline_(timeline), ancestors_(std::move(ancestors)) {
  if (timeline == TimelineId(0)) ThrowCorrupt(timeline, "cannot exist");
  if (timeline == TimelineId(1) && !ancestors_.empty()) ThrowCorrupt(timeline, "has ancestors");
  if (timeline > TimelineId(1) && ancestors_.empty()) ThrowCorrupt(timeline, "names no ancestor");
  TimelineId last_timeline{0};
  for (const TimelineSwitch& ancestor : ancestors_) {
    if (ancestor.timeline <= last_timeline) ThrowCorrupt(timeline, "has ancestors out of order");
    last_timeline = ancestor.timeline;
  }
  if (last_timeline >= timeline) ThrowCorrupt(timeline, "names itself or a later one as ancestor");
}

TimelineHistory TimelineHistory::Parse(TimelineId timeline, std::string_view text) {
  if (!text.empty() && !text.ends_with('\n')) ThrowCorrupt(timeline, "ends inside a line");
  std::vector<TimelineSwitch> ancestors;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (auto ancestor = ParseLine(timeline, text.substr(0, end))) {
      ancestors.push_back(std::move(*ancestor));
    }
    text.remove_prefix(end + 1);
  }
  return TimelineHistory(timeline, std::move(ancestors));
}

std::string TimelineHistory::Format() const {
  std::string text;
  for (const TimelineSwitch& ancestor : ancestors_) {
    text += fmt::format("{}\t{}\t{}\n", ancestor.timeline.value(), FormatLsn(ancestor.left_at),
                        ancestor.reason);
  }
  return text;
}

std::vector<TimelineSpan> TimelineHistory::Spans() const {
  std::vector<TimelineSpan> spans;
  Lsn begin;
  for (const TimelineSwitch& ancestor : ancestors_) {
    const Lsn end = *LeftAt(ancestor.timeline);
    if (end >= begin) spans.push_back({ancestor.timeline, begin, end});
    begin = ancestor.left_at;
  }
  spans.push_back({timeline_, begin, std::nullopt});
  return spans;
}

TimelineId TimelineHistory::TimelineOfByteAt(Lsn lsn) const {
  for (const TimelineSpan& span : Spans()) {
    if (span.end && lsn < *span.end) return span.timeline;
  }
  return timeline_;
}

std::optional<Lsn> TimelineHistory::LeftAt(TimelineId timeline) const {
  const auto found = std::ranges::find(ancestors_, timeline, &TimelineSwitch::timeline);
  if (found == ancestors_.end()) return std::nullopt;
  return std::ranges::min_element(found, ancestors_.end(), {}, &TimelineSwitch::left_at)->left_at;
}

bool TimelineHistory::Includes(TimelineId timeline) const {
  return timeline == timeline_ || LeftAt(timeline).has_value();
}

bool TimelineHistory::CanContinueFrom(TimelineId timeline, Lsn lsn) const {
  for (const TimelineSpan& span : Spans()) {
    if (span.timeline == timeline) return lsn >= span.begin && (!span.end || lsn <= *span.end);
  }
  return false;
}

}  // namespace holdfast::pg
