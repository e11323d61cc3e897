#include "pg/wal_page.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::pg {

namespace {

SegmentCheck CheckShape(const WalPageHeader& header) {
  if (!VersionOfWalPageMagic(header.magic)) {
    return {SegmentProblem::kNotWal,
            fmt::format("the file is no WAL of PostgreSQL {} to {} (magic number {:04X})",
                        MajorVersion::kOldest, MajorVersion::kNewest, header.magic)};
  }
  if (!header.IsLong() || (header.flags & ~WalPageHeader::kAllFlags) != 0) {
    return {SegmentProblem::kNotWal, "the file does not start with a segment's first page"};
  }
  return {};
}

SegmentCheck CheckOwner(const WalPageHeader& header, const SegmentExpectation& expectation) {
  if (header.system_identifier != expectation.system_identifier) {
    return {SegmentProblem::kOtherSystem,
            fmt::format("the WAL belongs to the cluster {}, not {}",
                        header.system_identifier.value(), expectation.system_identifier.value())};
  }
  if (header.segment_size != expectation.segment_size.bytes() || header.page_size != kWalPageSize) {
    return {SegmentProblem::kOtherSize,
            fmt::format("the WAL has segments of {} bytes in pages of {}, not {} in {}",
                        header.segment_size, header.page_size, expectation.segment_size.bytes(),
                        kWalPageSize)};
  }
  return {};
}

SegmentCheck CheckPlace(const WalPageHeader& header, const SegmentExpectation& expectation) {
  const Lsn start = SegmentStart(expectation.segment, expectation.segment_size);
  if (header.address != start) {
    return {SegmentProblem::kOtherPosition,
            fmt::format("the WAL is that of position {}, not {}", FormatLsn(header.address),
                        FormatLsn(start))};
  }
  if (header.timeline == TimelineId(0) || header.timeline > expectation.timeline) {
    return {SegmentProblem::kOtherTimeline,
            fmt::format("the WAL is that of timeline {}, not {}", header.timeline.value(),
                        expectation.timeline.value())};
  }
  return {};
}

}  // namespace

WalPageHeader ParseWalPageHeader(base::ByteView bytes) {
  base::ByteReader in(bytes, "the WAL page header");
  WalPageHeader header;
  header.magic = in.U16();
  header.flags = in.U16();
  header.timeline = TimelineId(in.U32());
  header.address = Lsn(in.U64());
  header.remaining_length = in.U32();
  in.Raw(4);  // padding
  if (header.IsLong()) {
    header.system_identifier = SystemIdentifier(in.U64());
    header.segment_size = in.U32();
    header.page_size = in.U32();
  }
  return header;
}

SegmentCheck CheckSegment(base::ByteView first_page, const SegmentExpectation& expectation) {
  if (first_page.size() < kWalPageSize) {
    return {SegmentProblem::kTooShort,
            fmt::format("the segment has only {} bytes", first_page.size())};
  }
  const WalPageHeader header = ParseWalPageHeader(first_page);
  SegmentCheck check = CheckShape(header);
  if (check.IsSound()) check = CheckOwner(header, expectation);
  if (check.IsSound()) check = CheckPlace(header, expectation);
  return check;
}

}  // namespace holdfast::pg
