// Reading a lineage's WAL out of an archive, segment by segment.
#pragma once

#include "base/bytes.h"
#include "pg/wal_segment.h"
#include "wal/archive.h"
#include "wal/coverage.h"

namespace holdfast::wal {

// The bytes of a segment that are WAL of the lineage: of the newest timeline that begins in it or
// before and has it, whole or open. Error(kNotFound) naming the segment when none has.
base::Bytes LookUpSegment(Archive& archive, pg::SystemIdentifier system, const Lineage& lineage,
                          pg::SegmentNumber segment, pg::SegmentSize size);

}  // namespace holdfast::wal
