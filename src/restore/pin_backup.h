// Keeping a backup from being deleted while it is read.
#pragma once

#include <memory>

#include "base/reporter.h"
#include "repo/lease.h"
#include "repo/repository.h"
#include "repo/snapshot.h"

namespace holdfast::restore {

// Null, with a warning, where the repository cannot be written to: read-only media and credentials
// that only read must still restore. Error(kConflict) when the backup was forgotten meanwhile.
std::unique_ptr<repo::Lease> PinBackup(const repo::Repository& repository,
                                       const repo::Snapshot& backup, base::Reporter& report);

}  // namespace holdfast::restore
