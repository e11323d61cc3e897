#include "wal/fetch.h"

#include <fmt/format.h>

#include "base/error.h"
#include "pg/wal_segment.h"
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

[[noreturn]] void ReportGap(const std::string& file_name, const std::string& source,
                            std::string_view what) {
  throw base::Error(
      base::ErrorKind::kCorrupt,
      fmt::format("segment {} {} in the archive of {}, but later ones of its timeline are there",
                  file_name, what, source),
      {"recovery must not end before this gap as if it were the end of the WAL",
       "recover to a point before the gap, or from a backup taken after it"});
}

// Whether the archive's WAL of this timeline begins before the segment, so that its absence is a
// hole and not the beginning.
bool LiesInside(Archive& archive, const FetchOptions& options, pg::SegmentSize size) {
  if (archive.HasEarlierSegment(options.system, options.file_name)) return true;
  const pg::WalFileName name = *pg::ParseWalFileName(options.file_name, size);
  const std::optional<pg::TimelineHistory> history = archive.History(options.system, name.timeline);
  return history && pg::SegmentOfByteAt(history->Spans().back().begin, size) <= name.segment;
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

std::optional<base::Bytes> GetSegment(Archive& archive, const FetchOptions& options) {
  if (std::optional<base::Bytes> whole = archive.Get(options.system, options.file_name)) {
    return whole;
  }
  const std::uint32_t segment_size = archive.SegmentSize(options.system);
  if (segment_size == 0) return std::nullopt;  // no WAL of this cluster at all
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  if (!pg::ParseWalFileName(options.file_name, size)) return std::nullopt;
  const bool later = archive.HasLaterSegment(options.system, options.file_name);
  std::optional<base::Bytes> open = GetOpen(archive, options, segment_size);
  // It may have become whole, and its tails dropped, since it was looked for.
  if (std::optional<base::Bytes> whole = archive.Get(options.system, options.file_name)) {
    return whole;
  }
  if (!later) return open;
  if (open) ReportGap(options.file_name, archive.source(), "is there only in part");
  if (LiesInside(archive, options, size)) {
    ReportGap(options.file_name, archive.source(), "is missing");
  }
  return std::nullopt;
}

std::optional<base::Bytes> GetFile(Archive& archive, const FetchOptions& options) {
  if (KindOf(options.file_name) != pg::WalFileKind::kSegment) {
    return archive.Get(options.system, options.file_name);
  }
  if (!options.prefetch_directory.empty()) {
    PrefetchDirectory prefetched(archive, options.system, options.prefetch_directory);
    prefetched.RemoveBefore(options.file_name);
    if (auto bytes = prefetched.Take(options.file_name)) return bytes;
  }
  return GetSegment(archive, options);
}

}  // namespace

FetchOutcome Fetch(Archive& archive, const FetchOptions& options) {
  const std::optional<base::Bytes> contents = GetFile(archive, options);
  if (!contents) return FetchOutcome::kNotThere;
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
