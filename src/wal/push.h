// archive_command's side: `wal push PATH`.
#pragma once

#include <optional>

#include "base/file.h"
#include "wal/archive.h"

namespace holdfast::wal {

// Reads the file at `path` (…/pg_wal/NAME) and stores it under its own name. `expected` is the
// system identifier that the source is known by; a file of another cluster is refused with
// Error(kConflict). Files without one inside (.history, .backup) are stored under the system
// identifier found in global/pg_control beside pg_wal. With a segment goes its summary.
ArchiveOutcome Push(Archive& archive, const base::Path& path,
                    std::optional<pg::SystemIdentifier> expected);

}  // namespace holdfast::wal
