#include "wal/flush.h"

#include <fmt/format.h>

#include "base/error.h"
#include "wal/spool.h"
#include "wal/status_board.h"
#include "wal/uploader.h"

namespace holdfast::wal {

namespace {

std::optional<SpoolEnd> EndOf(const Spool& spool) {
  const std::vector<SpooledSegment> segments = spool.Segments();
  if (segments.empty()) return std::nullopt;
  return SpoolEnd{.system = spool.identity()->system,
                  .timeline = segments.back().timeline,
                  .end = segments.back().end};
}

}  // namespace

Flushed FlushSpool(Archive& archive, const base::Path& spool_directory, base::Clock& clock,
                   base::Reporter& report) {
  if (!base::Exists(spool_directory)) {
    throw base::Error(base::ErrorKind::kNotFound,
                      fmt::format("there is no spool {}", spool_directory.native()),
                      {"run this on the host, and with the state_directory, that `holdfast wal "
                       "stream` ran with"});
  }
  Spool spool = Spool::Open(spool_directory);
  const Flushed flushed{.segments = spool.Segments().size(), .end = EndOf(spool)};
  StatusBoard board(report, nullptr);
  if (flushed.end) {
    // WAL in the spool came from the source itself, which was thus seen on this timeline.
    const auto recorded = archive.RecordedTimeline(flushed.end->system);
    if (!recorded || *recorded < flushed.end->timeline)
      board.Update([&](StreamState& state) { state.timeline = flushed.end->timeline; });
  }
  Uploader uploader(nullptr, archive, spool, board, StreamOptions(), clock);
  uploader.StoreEverything();
  return flushed;
}

std::optional<SpoolEnd> LookIntoSpool(const base::Path& spool_directory) {
  if (!base::Exists(spool_directory)) return std::nullopt;
  try {
    return EndOf(Spool::Open(spool_directory));
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kConflict) throw;
    return std::nullopt;
  }
}

}  // namespace holdfast::wal
