#include "wal/object_names.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/error.h"
#include "pg/digits.h"

namespace holdfast::wal {

namespace {

constexpr std::size_t kDigestDigits = 32;

bool IsLowerHex(std::string_view text, std::size_t length) {
  return text.size() == length &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<pg::TimelineId> ParseTimeline(std::string_view text) {
  if (text.size() != 8) return std::nullopt;
  const std::optional<std::uint32_t> value = pg::ParseUpperHex(text);
  if (!value || *value == 0) return std::nullopt;
  return pg::TimelineId(*value);
}

// "<first>.<rest>" and the like, cut at the last `separator`.
struct Halves {
  std::string_view first;
  std::string_view second;
};
std::optional<Halves> CutAtLast(std::string_view text, char separator) {
  const std::size_t place = text.rfind(separator);
  if (place == std::string_view::npos) return std::nullopt;
  return Halves{.first = text.substr(0, place), .second = text.substr(place + 1)};
}

// "<timeline>/<name>".
struct InFolder {
  pg::TimelineId timeline;
  std::string_view name;
};
std::optional<InFolder> CutFolder(std::string_view rest) {
  if (rest.size() < 9 || rest[8] != '/') return std::nullopt;
  const std::optional<pg::TimelineId> timeline = ParseTimeline(rest.substr(0, 8));
  if (!timeline) return std::nullopt;
  return InFolder{.timeline = *timeline, .name = rest.substr(9)};
}

std::optional<pg::Lsn> ParsePosition(std::string_view text) {
  if (!IsLowerHex(text, 16)) return std::nullopt;
  return pg::Lsn(*pg::ParseDigits<std::uint64_t>(text, 16));
}

// What a file's own name says about its timeline; folders must agree with it.
bool BelongsTo(std::string_view file_name, pg::TimelineId timeline) {
  return file_name.substr(0, 8) == fmt::format("{:08X}", timeline.value());
}

}  // namespace

std::string SourcePrefix(std::string_view source) { return fmt::format("wal/{}/", source); }

std::string WalPrefix(std::string_view source, pg::SystemIdentifier system) {
  return fmt::format("wal/{}/{}/", source, system.value());
}

std::string TailPrefix(std::string_view source, pg::SystemIdentifier system) {
  return fmt::format("wal-tail/{}/{}/", source, system.value());
}

std::string SummaryPrefix(std::string_view source, pg::SystemIdentifier system) {
  return fmt::format("wal-summary/{}/{}/", source, system.value());
}

std::string TimelineFolder(pg::TimelineId timeline) {
  return fmt::format("{:08X}/", timeline.value());
}

std::string FilePrefix(std::string_view wal_prefix, pg::TimelineId timeline,
                       std::string_view file_name) {
  return fmt::format("{}{}{}.", wal_prefix, TimelineFolder(timeline), file_name);
}

std::string FileObject(std::string_view wal_prefix, pg::TimelineId timeline,
                       std::string_view file_name, const ContentDigest& digest) {
  return FilePrefix(wal_prefix, timeline, file_name) + base::ToHex(digest);
}

std::optional<ArchivedFile> ParseFileObject(std::string_view rest) {
  const std::optional<InFolder> place = CutFolder(rest);
  if (!place) return std::nullopt;
  const std::optional<Halves> halves = CutAtLast(place->name, '.');
  if (!halves || !IsLowerHex(halves->second, kDigestDigits)) return std::nullopt;
  if (!pg::WalFileKindOf(halves->first) || !BelongsTo(halves->first, place->timeline)) {
    return std::nullopt;
  }
  return ArchivedFile{.timeline = place->timeline,
                      .file_name = std::string(halves->first),
                      .digest = std::string(halves->second)};
}

std::string SegmentTailsPrefix(std::string_view tail_prefix, pg::TimelineId timeline,
                               std::string_view segment_name) {
  return fmt::format("{}{}{}.", tail_prefix, TimelineFolder(timeline), segment_name);
}

std::string TailObject(std::string_view tail_prefix, const Tail& tail) {
  return fmt::format("{}{:016x}-{:016x}.{}",
                     SegmentTailsPrefix(tail_prefix, tail.timeline, tail.segment_name),
                     tail.start.value(), tail.end.value(), tail.digest);
}

std::optional<Tail> ParseTailObject(std::string_view rest) {
  const std::optional<InFolder> place = CutFolder(rest);
  if (!place) return std::nullopt;
  const std::optional<Halves> digest = CutAtLast(place->name, '.');
  if (!digest || !IsLowerHex(digest->second, kDigestDigits)) return std::nullopt;
  const std::optional<Halves> range = CutAtLast(digest->first, '.');
  if (!range || range->second.size() != 33 || range->second[16] != '-') return std::nullopt;
  const std::optional<pg::Lsn> start = ParsePosition(range->second.substr(0, 16));
  const std::optional<pg::Lsn> end = ParsePosition(range->second.substr(17));
  if (!start || !end || *end <= *start) return std::nullopt;
  if (pg::WalFileKindOf(range->first) != pg::WalFileKind::kSegment ||
      !BelongsTo(range->first, place->timeline)) {
    return std::nullopt;
  }
  return Tail{.timeline = place->timeline,
              .segment_name = std::string(range->first),
              .start = *start,
              .end = *end,
              .digest = std::string(digest->second)};
}

std::string SummaryObject(std::string_view summary_prefix, pg::TimelineId timeline,
                          std::string_view segment_name) {
  return fmt::format("{}{}{}", summary_prefix, TimelineFolder(timeline), segment_name);
}

std::optional<SummarisedSegment> ParseSummaryObject(std::string_view rest) {
  const std::optional<InFolder> place = CutFolder(rest);
  if (!place || pg::WalFileKindOf(place->name) != pg::WalFileKind::kSegment ||
      !BelongsTo(place->name, place->timeline)) {
    return std::nullopt;
  }
  return SummarisedSegment{.timeline = place->timeline, .segment_name = std::string(place->name)};
}

std::string TimelineRecordObject(std::string_view wal_prefix, const TimelineRecord& record) {
  return fmt::format("{}{}{:08}-{:08X}", wal_prefix, kTimelineRecords, record.number,
                     record.timeline.value());
}

std::optional<TimelineRecord> ParseTimelineRecord(std::string_view rest) {
  if (!rest.starts_with(kTimelineRecords)) return std::nullopt;
  rest.remove_prefix(kTimelineRecords.size());
  if (rest.size() != 17 || rest[8] != '-') return std::nullopt;
  const std::optional<std::uint32_t> number = pg::ParseDigits<std::uint32_t>(rest.substr(0, 8));
  const std::optional<pg::TimelineId> timeline = ParseTimeline(rest.substr(9));
  if (!number || !timeline) return std::nullopt;
  return TimelineRecord{.number = *number, .timeline = *timeline};
}

std::string SegmentSizeObject(std::string_view wal_prefix, pg::SegmentSize size) {
  return fmt::format("{}{}{}", wal_prefix, kSegmentSizes, size.bytes());
}

std::optional<pg::SegmentSize> ParseSegmentSize(std::string_view rest) {
  if (!rest.starts_with(kSegmentSizes)) return std::nullopt;
  rest.remove_prefix(kSegmentSizes.size());
  const std::optional<std::uint64_t> bytes = pg::ParseNameNumber<std::uint64_t>(rest);
  if (!bytes) return std::nullopt;
  try {
    return pg::SegmentSize::FromBytes(*bytes);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

std::optional<pg::SystemIdentifier> ParseSystemFolder(std::string_view text) {
  const std::optional<std::uint64_t> value = pg::ParseNameNumber<std::uint64_t>(text);
  if (!value) return std::nullopt;
  return pg::SystemIdentifier(*value);
}

}  // namespace holdfast::wal
