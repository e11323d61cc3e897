// What a receiver left in its spool, when the receiver or its server is no more: `wal flush`.
//
// With a synchronous receiver the spool may hold the only copy of transactions that the server has
// acknowledged.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/file.h"
#include "base/reporter.h"
#include "pg/lsn.h"
#include "wal/archive.h"

namespace holdfast::wal {

struct SpoolEnd {  // of the newest WAL in a spool
  pg::SystemIdentifier system;
  pg::TimelineId timeline;
  pg::Lsn end;
};

struct Flushed {
  std::uint64_t segments = 0;   // that the spool held, the open one included
  std::optional<SpoolEnd> end;  // empty when it held no WAL
};

// Stores all WAL and history files of the spool in the archive; needs no server. Everything is
// durable in the repository when it returns. Error(kNotFound) where no receiver ever ran,
// kConflict while one does.
Flushed FlushSpool(Archive& archive, const base::Path& spool_directory, base::Clock& clock,
                   base::Reporter& report);

// Empty when there is no spool, none with WAL in it, or a receiver is at work in it.
std::optional<SpoolEnd> LookIntoSpool(const base::Path& spool_directory);

}  // namespace holdfast::wal
