// What a stretch of WAL may have changed, kept beside the WAL so that it need not be read again
// (docs/format/wal.md, "Summaries").
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/bytes.h"
#include "pg/block_changes.h"
#include "pg/lsn.h"
#include "pg/wal_segment.h"

namespace holdfast::wal {

// Of all records that begin at `start` or later and end at `end` or before. Two abut when the
// second begins where the first ends, or before.
struct Summary {
  pg::Lsn start;
  pg::Lsn end;
  // The record that the first of them names as the one before it, and where the last begins: of WAL
  // that is one history they agree from segment to segment.
  pg::Lsn previous_record;
  pg::Lsn last_record;
  pg::BlockChanges changes;
  friend bool operator==(const Summary&, const Summary&) = default;
};

base::Bytes EncodeSummary(const Summary& summary);
// Error(kCorrupt).
Summary DecodeSummary(base::ByteView bytes);

// Gives the last `count` bytes of the segment before, or nothing where it is not at hand. What it
// gives is proven: a record that began there is taken only when its checksum is right.
using PreviousSegment = std::function<std::optional<base::Bytes>(std::uint64_t count)>;

// Of the records that end in a segment, whose `bytes` start with its first page and may stop early.
// Without the segment before, that is those which begin in it: whatever straddles is then missing,
// and `start` says so. Empty where there is no whole record, or what is there is no WAL.
std::optional<Summary> Summarise(base::ByteView bytes, const PreviousSegment& previous);

}  // namespace holdfast::wal
