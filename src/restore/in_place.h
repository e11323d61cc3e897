// Restoring over a cluster's own directory: what must hold first, and what becomes of what is
// there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/reporter.h"
#include "repo/repository.h"
#include "restore/restore.h"
#include "wal/archive.h"

namespace holdfast::restore {

// Error(kConflict) where something lies in the directories that is not the cluster's own to lose:
// what this host needs itself, or what only links lead to.
void CheckMayBeCleared(const RestorePlan& plan, const RestoreOptions& options);

// For a plan: what would go and what would be put aside. What is there takes no room a second time:
// `bytes`, by directory of the plan, become those that are needed beside it.
void LookAtOldCluster(const repo::Repository& repository, wal::Archive& archive, RestorePlan& plan,
                      std::map<base::Path, std::uint64_t>& bytes);

// With the directory claimed: it is looked at again, WAL is put aside, and what the backup does not
// have is removed. Returns warnings.
std::vector<std::string> ClearOldCluster(const repo::Repository& repository,
                                         const RestorePlan& plan, base::Reporter& report);

}  // namespace holdfast::restore
