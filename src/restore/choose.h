// Which backup a restore starts from: pure decisions.
#pragma once

#include <optional>
#include <vector>

#include "catalog/cluster_facts.h"
#include "pg/timeline_history.h"
#include "restore/target.h"

namespace holdfast::restore {

using Backups = std::vector<catalog::ClusterBackup>;

// The clusters to look for the target in, in this order: that of the newest of `backups`. A source
// may have been another cluster at an earlier time: for a time first the one that it was then, and
// then all others, the latest first. `backups` has one at least.
std::vector<pg::SystemIdentifier> ClustersFor(const Backups& backups, const TargetOptions& target);

// The backups of `system` from which recovery can go on along `history`, in the order given.
Backups OnHistory(const Backups& backups, pg::SystemIdentifier system,
                  const pg::TimelineHistory& history);

// The newest of `backups` (ascending) that was finished before the target. For a transaction or a
// named point, `found_at` is where the WAL holds it. Null when all are too new.
const catalog::ClusterBackup* NewestBefore(const Backups& backups, const TargetOptions& target,
                                           std::optional<pg::Lsn> found_at);

}  // namespace holdfast::restore
