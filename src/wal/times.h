// When things happened, read from the WAL itself: commit times and named restore points.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pg/lsn.h"
#include "pg/wal_record.h"
#include "wal/archive.h"
#include "wal/coverage.h"

namespace holdfast::wal {

struct CommitMark {
  base::Time time;
  pg::Lsn end;  // of its record
};

// The last commit or abort at or before `end` on the lineage, searching backward; empty when there
// is none after `start`.
std::optional<CommitMark> LastCommit(Archive& archive, pg::SystemIdentifier system,
                                     const Lineage& lineage, pg::Lsn start, pg::Lsn end,
                                     std::uint32_t segment_size);

// Reads the WAL of [start, end) once and hands every record on: for finding a named point or a
// transaction.
void ScanRecords(Archive& archive, pg::SystemIdentifier system, const Lineage& lineage,
                 pg::Lsn start, pg::Lsn end, std::uint32_t segment_size,
                 const std::function<bool(const pg::WalRecord&)>& visit);  // false: stop

}  // namespace holdfast::wal
