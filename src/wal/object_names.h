// Names of the WAL archive's objects (docs/format/wal.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pg/lsn.h"
#include "pg/wal_segment.h"

namespace holdfast::wal {

using ContentDigest = std::array<std::uint8_t, 16>;

// All objects of one cluster, with the slash at the end.
std::string WalPrefix(std::string_view source, pg::SystemIdentifier system);
std::string TailPrefix(std::string_view source, pg::SystemIdentifier system);
std::string SummaryPrefix(std::string_view source, pg::SystemIdentifier system);
// "wal/<source>/": below it, one folder for each system identifier.
std::string SourcePrefix(std::string_view source);

// The folder of one timeline, with the slash at the end.
std::string TimelineFolder(pg::TimelineId timeline);

// A file's objects all start with this: "<prefix><timeline>/<file name>.".
std::string FilePrefix(std::string_view wal_prefix, pg::TimelineId timeline,
                       std::string_view file_name);
std::string FileObject(std::string_view wal_prefix, pg::TimelineId timeline,
                       std::string_view file_name, const ContentDigest& digest);

// A file of the archive as its object's name tells it.
struct ArchivedFile {
  pg::TimelineId timeline;
  std::string file_name;
  std::string digest;  // 32 hex digits
};
// `rest`: the object's name after WalPrefix. Empty when it is no such name.
std::optional<ArchivedFile> ParseFileObject(std::string_view rest);

// The open segment's bytes [start, end).
struct Tail {
  pg::TimelineId timeline;
  std::string segment_name;
  pg::Lsn start;
  pg::Lsn end;
  std::string digest;
};
std::string SegmentTailsPrefix(std::string_view tail_prefix, pg::TimelineId timeline,
                               std::string_view segment_name);
std::string TailObject(std::string_view tail_prefix, const Tail& tail);
std::optional<Tail> ParseTailObject(std::string_view rest);

// "<timeline>/<segment>": what the segment changed.
struct SummarisedSegment {
  pg::TimelineId timeline;
  std::string segment_name;
};
std::string SummaryObject(std::string_view summary_prefix, pg::TimelineId timeline,
                          std::string_view segment_name);
// `rest`: the object's name after SummaryPrefix.
std::optional<SummarisedSegment> ParseSummaryObject(std::string_view rest);

// "timeline/<number>-<timeline>": the timelines the source was seen on, numbered in order.
struct TimelineRecord {
  std::uint32_t number = 0;
  pg::TimelineId timeline;
};
inline constexpr std::string_view kTimelineRecords = "timeline/";
std::string TimelineRecordObject(std::string_view wal_prefix, const TimelineRecord& record);
std::optional<TimelineRecord> ParseTimelineRecord(std::string_view rest);

// "segment-size/<bytes>": segment names alone do not tell where in the WAL they lie.
inline constexpr std::string_view kSegmentSizes = "segment-size/";
std::string SegmentSizeObject(std::string_view wal_prefix, pg::SegmentSize size);
std::optional<pg::SegmentSize> ParseSegmentSize(std::string_view rest);

// "7301234567890123456".
std::optional<pg::SystemIdentifier> ParseSystemFolder(std::string_view text);

}  // namespace holdfast::wal
