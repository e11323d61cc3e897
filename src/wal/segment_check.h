// What a WAL segment says about itself on its first page.
//
// What pg/wal_page.h reads, judged where neither the cluster nor its segment size is known yet.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "pg/lsn.h"
#include "pg/version.h"
#include "pg/wal_page.h"
#include "pg/wal_segment.h"

namespace holdfast::wal {

struct SegmentHeader {
  pg::MajorVersion version;
  pg::TimelineId timeline;  // of the page: the parent's where a timeline's first segment begins
  pg::Lsn address;
  pg::SystemIdentifier system;
  pg::SegmentSize segment_size;
};

// Error(kCorrupt) naming `what` unless `bytes` begin with a segment's first page.
SegmentHeader ReadSegmentHeader(base::ByteView bytes, std::string_view what);

// Checks that `bytes` begin the segment that `name` (a segment's or .partial file's) stands for:
// magic, address, timeline. Error(kCorrupt).
SegmentHeader CheckSegmentStart(base::ByteView bytes, std::string_view name);
// And that they are all of it.
SegmentHeader CheckSegment(base::ByteView bytes, std::string_view name);

// Whether the 8 KiB page that begins `page` is the one of `address` on `timeline` or an ancestor.
bool IsWalPageAt(base::ByteView page, pg::Lsn address, pg::TimelineId timeline);

// Whether `bytes`, from the start of a page on, are WAL of `start` on `timeline` or an ancestor
// page by page. Zeros are what follows in a segment that was switched away from.
bool HoldsPagesOf(base::ByteView bytes, pg::Lsn start, pg::TimelineId timeline);

// How much of a segment file that the server left (.partial) is WAL: up to the end of the last page
// that belongs there, without the zeros at its end. Files are recycled, so what follows may be old.
std::size_t WrittenBytes(base::ByteView segment, pg::Lsn segment_start, pg::TimelineId timeline);

}  // namespace holdfast::wal
