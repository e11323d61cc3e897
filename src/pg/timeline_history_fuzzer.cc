#include <cstdlib>

#include "base/bytes.h"
#include "base/error.h"
#include "pg/timeline_history.h"

// What was read must come out of the round trip unchanged, and its spans must abut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  try {
    const pg::TimelineId timeline(0xFFFFFFFF);
    const auto history = pg::TimelineHistory::Parse(timeline, base::AsText({data, size}));
    const auto again = pg::TimelineHistory::Parse(timeline, history.Format());
    if (again.Spans() != history.Spans()) std::abort();
    for (const pg::TimelineSpan& span : history.Spans()) {
      if (!history.CanContinueFrom(span.timeline, span.begin)) std::abort();
    }
  } catch (const base::Error&) {
  }
  return 0;
}
