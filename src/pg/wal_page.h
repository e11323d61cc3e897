// The headers of WAL pages, and what the first page of a segment says about the whole.
//
// Source: src/include/access/xlog_internal.h; the same layout in 13 to 18 but for the magic number.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "pg/lsn.h"
#include "pg/version.h"
#include "pg/wal_segment.h"

namespace holdfast::pg {

// Only the default; another is refused where a segment's first page tells it.
inline constexpr std::size_t kWalPageSize = 8192;
inline constexpr std::size_t kWalPageHeaderSize = 24;
// The first page of each segment.
inline constexpr std::size_t kWalLongPageHeaderSize = 40;

struct WalPageHeader {
  // The page starts with the rest of a record begun earlier.
  static constexpr std::uint16_t kContinuesRecord = 0x0001;
  static constexpr std::uint16_t kLongHeader = 0x0002;
  // A record whose rest was lost in a crash ends before this page; a new one starts here.
  static constexpr std::uint16_t kAbandonsRecord = 0x0008;
  static constexpr std::uint16_t kAllFlags = 0x000F;

  std::uint16_t magic = 0;
  std::uint16_t flags = 0;
  TimelineId timeline;
  Lsn address;
  std::uint32_t remaining_length = 0;  // of the record that continues, from this page on
  // Long headers only.
  SystemIdentifier system_identifier;
  std::uint32_t segment_size = 0;
  std::uint32_t page_size = 0;

  bool ContinuesRecord() const { return (flags & kContinuesRecord) != 0; }
  bool IsLong() const { return (flags & kLongHeader) != 0; }
  bool AbandonsRecord() const { return (flags & kAbandonsRecord) != 0; }
  std::size_t size() const { return IsLong() ? kWalLongPageHeaderSize : kWalPageHeaderSize; }
};

// `bytes` starts at a page. Throws Error(kCorrupt) when it is shorter than the header it announces;
// judges nothing else.
WalPageHeader ParseWalPageHeader(base::ByteView bytes);

struct SegmentExpectation {
  SystemIdentifier system_identifier;
  SegmentSize segment_size;
  TimelineId timeline;  // from the file's name
  SegmentNumber segment;
};

enum class SegmentProblem {
  kNone,
  kTooShort,       // less than a page
  kNotWal,         // no supported version's magic number, or no first page
  kOtherSystem,    // of another cluster
  kOtherSize,      // of a cluster with another segment size or WAL page size
  kOtherPosition,  // recycled and not yet written, or misnamed
  kOtherTimeline,  // of a later timeline than its name says
};

struct SegmentCheck {
  SegmentProblem problem = SegmentProblem::kNone;
  std::string text;  // a sentence for people

  bool IsSound() const { return problem == SegmentProblem::kNone; }
};

// Judges a segment by its first page. An earlier timeline on it is right: a segment in which a
// timeline switched starts with a copy of its parent's pages.
[[nodiscard]] SegmentCheck CheckSegment(base::ByteView first_page,
                                        const SegmentExpectation& expectation);

}  // namespace holdfast::pg
