// The WAL that makes cluster backups consistent, as a verification sees it.
#pragma once

#include <vector>

#include "repo/repository.h"
#include "repo/snapshot.h"
#include "upkeep/damage_log.h"

namespace holdfast::upkeep {

// A file of that WAL that is missing is damage, and one that is in `log` already is a hit of the
// backups that need it: without it they cannot be restored.
void CheckOwnLogs(const repo::Repository& repository, const std::vector<repo::Snapshot>& backups,
                  DamageLog& log);

}  // namespace holdfast::upkeep
