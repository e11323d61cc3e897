#include "repo/read_plan.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::repo {

namespace {

bool Joins(const ReadRange& range, const FrameInfo& frame) {
  return frame.offset >= range.end() && frame.offset - range.end() <= kMaxReadGap &&
         frame.offset + frame.stored_size - range.offset <= kMaxReadSize;
}

}  // namespace

std::vector<ReadRange> PlanReads(const PackFooter& footer, std::span<const std::uint32_t> frames) {
  if (std::ranges::adjacent_find(frames, std::ranges::greater_equal()) != frames.end()) {
    throw base::Error(base::ErrorKind::kInternal, "frames are asked for out of order");
  }
  std::vector<ReadRange> ranges;
  std::size_t first = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const FrameInfo& frame = footer.frame(frames[i]);
    if (ranges.empty() || !Joins(ranges.back(), frame)) {
      ranges.push_back({.offset = frame.offset, .length = frame.stored_size, .frames = {}});
      first = i;
    }
    ReadRange& range = ranges.back();
    range.length = frame.offset + frame.stored_size - range.offset;
    range.frames = frames.subspan(first, i + 1 - first);
  }
  return ranges;
}

}  // namespace holdfast::repo
