#include "wal/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "pg/wal_segment.h"
#include "wal/coverage.h"
#include "wal/prefetch_directory.h"

namespace holdfast::wal {

namespace {

pg::WalFileKind KindOf(const std::string& file_name) {
  const std::optional<pg::WalFileKind> kind = pg::WalFileKindOf(file_name);
  if (kind) return *kind;
  throw base::Error(
      base::ErrorKind::kUsage,
      fmt::format("\"{}\" is not the name of a file that recovery asks for", file_name),
      {"restore_command passes the name as %f and the target as %p: holdfast wal fetch %f %p"});
}

pg::TimelineId HistoryTimeline(const std::string& file_name) {
  return pg::TimelineId(
      static_cast<std::uint32_t>(std::stoul(file_name.substr(0, 8), nullptr, 16)));
}

[[noreturn]] void ReportGap(const std::string& file_name, const std::string& source,
                            std::string_view what) {
  throw base::Error(base::ErrorKind::kCorrupt,
                    fmt::format("segment {} {} in the archive of {}, but later WAL is there",
                                file_name, what, source),
                    {"recovery must not end before this gap as if it were the end of the WAL",
                     "recover to a point before the gap, or from a backup taken after it"});
}

// Whether the archive's WAL of this timeline may begin before the segment, so that its absence is a
// hole and not the beginning.
bool LiesInside(Archive& archive, const FetchOptions& options, pg::SegmentSize size) {
  if (archive.HasEarlierSegment(options.system, options.file_name)) return true;
  const pg::WalFileName name = *pg::ParseWalFileName(options.file_name, size);
  if (name.timeline == pg::TimelineId(1)) return false;
  const std::optional<pg::TimelineHistory> history = archive.History(options.system, name.timeline);
  // Without it nobody knows where the timeline begins.
  return !history || pg::SegmentOfByteAt(history->Spans().back().begin, size) <= name.segment;
}

// The open segment completed with zeros: where WAL ends, recovery finds no valid record.
std::optional<base::Bytes> GetOpen(Archive& archive, const FetchOptions& options,
                                   std::uint32_t segment_size) {
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  const std::optional<pg::WalFileName> name = pg::ParseWalFileName(options.file_name, size);
  if (!name) return std::nullopt;
  auto open = archive.GetOpenSegment(options.system, name->timeline,
                                     pg::SegmentStart(name->segment, size), segment_size);
  return open ? std::optional(std::move(open->bytes)) : std::nullopt;
}

// A gap that begins at `position` or before is known: recovery has a target in front of it.
bool StopsBefore(const FetchOptions& options, pg::Lsn position) {
  return options.path && options.path->end && *options.path->end <= position;
}

bool StartsBehindEnd(Archive& archive, const FetchOptions& options) {
  const std::uint32_t segment_size = archive.SegmentSize(options.system);
  if (segment_size == 0) return false;
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  const auto name = pg::ParseWalFileName(options.file_name, size);
  return name && StopsBefore(options, pg::SegmentStart(name->segment, size));
}

Lineage LineageOf(Archive& archive, pg::SystemIdentifier system, pg::TimelineId timeline) {
  if (timeline == pg::TimelineId(1)) return pg::TimelineHistory().Spans();
  if (const auto history = archive.History(system, timeline)) return history->Spans();
  throw base::Error(
      base::ErrorKind::kCorrupt,
      fmt::format("the history file of timeline {} is not in the archive of {}, so that its gaps "
                  "cannot be told from its end",
                  timeline.value(), archive.source()));
}

// Of a segment that is not whole in the archive: `open`, what there is of it, when the path goes on
// on another timeline or ends here.
std::optional<base::Bytes> AlongPath(Archive& archive, const FetchOptions& options,
                                     const pg::WalFileName& name, pg::SegmentSize size,
                                     std::optional<base::Bytes> open) {
  const pg::Lsn start = pg::SegmentStart(name.segment, size);
  const Lineage lineage = LineageOf(archive, options.system, options.path->timeline);
  const auto span = std::ranges::find(lineage, name.timeline, &pg::TimelineSpan::timeline);
  if (span != lineage.end() && span->end && *span->end <= start) return std::nullopt;
  const Reach reach = FollowWal(archive.Take(options.system), lineage, start);
  const bool passes = !reach.first_gap || reach.end >= pg::SegmentEnd(name.segment, size);
  if (passes || StopsBefore(options, reach.end)) return open;
  ReportGap(options.file_name, archive.source(), open ? "is there only in part" : "is missing");
}

std::optional<base::Bytes> GetSegment(Archive& archive, const FetchOptions& options) {
  if (options.path && options.path->end && StartsBehindEnd(archive, options)) return std::nullopt;
  if (std::optional<base::Bytes> whole = archive.Get(options.system, options.file_name)) {
    return whole;
  }
  const std::uint32_t segment_size = archive.SegmentSize(options.system);
  if (segment_size == 0) return std::nullopt;  // no WAL of this cluster at all: an Error in the end
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  const auto name = pg::ParseWalFileName(options.file_name, size);
  if (!name) return std::nullopt;
  const bool later = !options.path && archive.HasLaterSegment(options.system, options.file_name);
  std::optional<base::Bytes> open = GetOpen(archive, options, segment_size);
  // It may have become whole, and its tails dropped, since it was looked for.
  if (std::optional<base::Bytes> whole = archive.Get(options.system, options.file_name)) {
    return whole;
  }
  if (options.path) return AlongPath(archive, options, *name, size, std::move(open));
  if (!later) return open;
  if (open) ReportGap(options.file_name, archive.source(), "is there only in part");
  if (LiesInside(archive, options, size)) {
    ReportGap(options.file_name, archive.source(), "is missing");
  }
  return std::nullopt;
}

// A server that finds no history takes the timeline for one that does not exist, and recovers along
// another. Beside the path it may: it looks for a number that is free.
bool MustHaveHistory(Archive& archive, const FetchOptions& options) {
  const pg::TimelineId timeline = HistoryTimeline(options.file_name);
  if (timeline <= pg::TimelineId(1)) return false;
  return options.path ? timeline == options.path->timeline
                      : archive.HasWalOf(options.system, timeline);
}

std::optional<base::Bytes> GetHistory(Archive& archive, const FetchOptions& options) {
  if (auto text = archive.Get(options.system, options.file_name)) return text;
  if (!MustHaveHistory(archive, options)) return std::nullopt;
  // It may have come since, before the first WAL of its timeline.
  if (auto text = archive.Get(options.system, options.file_name)) return text;
  throw base::Error(
      base::ErrorKind::kCorrupt,
      fmt::format("{} is missing in the archive of {}, but {}", options.file_name, archive.source(),
                  options.path ? "recovery is to follow this timeline" : "WAL of it is there"),
      {"copy it from pg_wal of a server that has it, and store it: holdfast wal push PATH"});
}

std::optional<base::Bytes> GetFile(Archive& archive, const FetchOptions& options) {
  const pg::WalFileKind kind = KindOf(options.file_name);
  if (kind == pg::WalFileKind::kHistory) return GetHistory(archive, options);
  if (kind != pg::WalFileKind::kSegment) return archive.Get(options.system, options.file_name);
  if (!options.prefetch_directory.empty()) {
    PrefetchDirectory prefetched(archive, options.system, options.prefetch_directory);
    prefetched.RemoveBefore(options.file_name);
    if (auto bytes = prefetched.Take(options.file_name)) return bytes;
  }
  return GetSegment(archive, options);
}

// A wrong name of a source, or a repository that was made anew, has no file at all: taking that for
// the end of the WAL would open the server too early.
void RequireWalOfCluster(Archive& archive, const FetchOptions& options) {
  if (archive.SegmentSize(options.system) != 0) return;
  if (options.is_standby) return;
  throw base::Error(
      base::ErrorKind::kNotFound,
      fmt::format("the repository has no WAL of the cluster {} under the source {}",
                  options.system.value(), archive.source()),
      {"is --source in restore_command the source that the cluster was backed up as? holdfast list "
       "shows what is in the repository",
       "nothing tells that WAL ends here, so recovery must not"});
}

}  // namespace

FetchOutcome Fetch(Archive& archive, const FetchOptions& options) {
  const std::optional<base::Bytes> contents = GetFile(archive, options);
  if (!contents) {
    RequireWalOfCluster(archive, options);
    return FetchOutcome::kNotThere;
  }
  base::WriteFileDurably(options.target, *contents);
  return FetchOutcome::kFetched;
}

void Prefetch(Archive& archive, const FetchOptions& options) {
  if (options.prefetch_directory.empty() ||
      KindOf(options.file_name) != pg::WalFileKind::kSegment) {
    return;
  }
  PrefetchDirectory directory(archive, options.system, options.prefetch_directory);
  const std::optional<base::File> only_one = directory.TryLock();
  if (!only_one) return;
  directory.RemoveLeftovers();
  const std::uint32_t segment_size = archive.SegmentSize(options.system);
  if (segment_size == 0) return;
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  const std::optional<pg::WalFileName> asked = pg::ParseWalFileName(options.file_name, size);
  if (!asked) return;
  pg::SegmentNumber segment = asked->segment;
  for (int ahead = 0; ahead < options.prefetch_segments; ++ahead) {
    segment = pg::NextSegment(segment);
    const std::string name = pg::FormatSegmentName(asked->timeline, segment, size);
    if (directory.Contains(name)) continue;
    // Open segments still change: only whole ones are fetched ahead.
    const std::optional<base::Bytes> whole = archive.Get(options.system, name);
    if (!whole) return;
    directory.Put(name, *whole);
  }
}

}  // namespace holdfast::wal
