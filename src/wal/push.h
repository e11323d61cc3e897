// archive_command's side: `wal push PATH`.
#pragma once

#include "base/file.h"
#include "wal/archive.h"

namespace holdfast::wal {

// Reads the file at `path` (…/pg_wal/NAME) and stores it under its own name as of the cluster
// `system`. A segment says itself which one it is of: that of another is refused with
// Error(kConflict). With a segment goes its summary.
ArchiveOutcome Push(Archive& archive, const base::Path& path, pg::SystemIdentifier system);

}  // namespace holdfast::wal
