#include "wal/segment_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::wal {

namespace {

[[noreturn]] void Refuse(std::string_view what, std::string_view why) {
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("{} is no WAL segment: {}", what, why));
}

}  // namespace

SegmentHeader ReadSegmentHeader(base::ByteView bytes, std::string_view what) {
  if (bytes.size() < pg::kWalLongPageHeaderSize) Refuse(what, "it is too short");
  const pg::WalPageHeader page = pg::ParseWalPageHeader(bytes);
  const std::optional<pg::MajorVersion> version = pg::VersionOfWalPageMagic(page.magic);
  if (!version) {
    Refuse(what,
           fmt::format("its first page's magic {:04X} is of no supported version", page.magic));
  }
  if (!page.IsLong()) Refuse(what, "its first page has no long header");
  if (page.page_size != pg::kWalPageSize) Refuse(what, "its pages are not of 8 KiB");
  const pg::SegmentSize size = pg::SegmentSize::FromBytes(page.segment_size);
  if (page.address.value() % size.bytes() != 0) {
    Refuse(what, fmt::format("its first page is of {}, where no segment begins",
                             pg::FormatLsn(page.address)));
  }
  return {.version = *version,
          .timeline = page.timeline,
          .address = page.address,
          .system = page.system_identifier,
          .segment_size = size};
}

SegmentHeader CheckSegmentStart(base::ByteView bytes, std::string_view name) {
  const SegmentHeader header = ReadSegmentHeader(bytes, name);
  const std::optional<pg::WalFileName> parsed = pg::ParseWalFileName(name, header.segment_size);
  if (!parsed) Refuse(name, "its name does not fit the size of its segments");
  const pg::Lsn start = pg::SegmentStart(parsed->segment, header.segment_size);
  if (header.address != start) {
    Refuse(name, fmt::format("it holds the WAL from {}, and not from {}",
                             pg::FormatLsn(header.address), pg::FormatLsn(start)));
  }
  if (header.timeline > parsed->timeline || header.timeline == pg::TimelineId()) {
    Refuse(name, fmt::format("it is of timeline {}", header.timeline.value()));
  }
  return header;
}

SegmentHeader CheckSegment(base::ByteView bytes, std::string_view name) {
  const SegmentHeader header = CheckSegmentStart(bytes, name);
  if (bytes.size() != header.segment_size.bytes()) {
    Refuse(name,
           fmt::format("it has {} bytes, and not {}", bytes.size(), header.segment_size.bytes()));
  }
  return header;
}

bool IsWalPageAt(base::ByteView page, pg::Lsn address, pg::TimelineId timeline) {
  if (page.size() < pg::kWalLongPageHeaderSize) return false;
  const pg::WalPageHeader header = pg::ParseWalPageHeader(page);
  return pg::VersionOfWalPageMagic(header.magic).has_value() && header.address == address &&
         header.timeline <= timeline && header.timeline != pg::TimelineId();
}

bool HoldsPagesOf(base::ByteView bytes, pg::Lsn start, pg::TimelineId timeline) {
  for (std::size_t offset = 0; offset + pg::kWalLongPageHeaderSize <= bytes.size();
       offset += pg::kWalPageSize) {
    const base::ByteView page =
        bytes.subspan(offset, std::min<std::size_t>(pg::kWalPageSize, bytes.size() - offset));
    if (!IsWalPageAt(page, start + offset, timeline) && !base::AllZero(page)) return false;
  }
  return true;
}

std::size_t WrittenBytes(base::ByteView segment, pg::Lsn segment_start, pg::TimelineId timeline) {
  std::size_t end = 0;
  while (end + pg::kWalPageSize <= segment.size() &&
         IsWalPageAt(segment.subspan(end), segment_start + end, timeline)) {
    end += pg::kWalPageSize;
  }
  while (end > 0 && segment[end - 1] == 0) --end;
  return end;
}

}  // namespace holdfast::wal
