// Finds what a stretch of WAL may have changed: by the summaries that are there, and where one is
// missing by the WAL itself, in the archive or still on the server.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/bytes.h"
#include "pg/block_changes.h"
#include "pg/lsn.h"
#include "pg/wal_segment.h"
#include "wal/archive.h"
#include "wal/coverage.h"

namespace holdfast::wal {

// As pg::WalDirectory::ReadAt.
using ReadServerWal = std::function<std::optional<std::size_t>(
    std::string_view name, std::uint64_t offset, base::MutableByteView out)>;

struct ChangeSearch {
  pg::SystemIdentifier system;
  pg::SegmentSize segment_size;
  Lineage lineage;
  // Starts of records, both on the lineage; WAL before `to` is on the server's disk.
  pg::Lsn from;
  pg::Lsn to;    // the server has the segment in which it lies
  int jobs = 2;  // requests at once
};

struct FoundChanges {
  pg::BlockChanges changes;
  std::size_t from_summaries = 0;  // segments
  std::size_t from_wal = 0;        // segments that had to be read
};

// All records of [from, to), and possibly others around them: never fewer. They lead to the
// record that the server has at `to`: WAL of another history, which is in the archive after a
// server was taken back to a snapshot of its disk, does not, since records name the ones before
// them. Error(kNotFound) naming the place where WAL is missing, kCorrupt or kConflict where it
// cannot be understood. Memory: the changes, two segments, and some hundred summaries.
FoundChanges FindChanges(Archive& archive, const ReadServerWal& server, const ChangeSearch& search,
                         const std::stop_token& stop);

}  // namespace holdfast::wal
