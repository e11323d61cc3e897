// Can the target be reached with the WAL there is?
#pragma once

#include <optional>
#include <string>

#include "catalog/cluster_facts.h"
#include "restore/choose.h"
#include "restore/target.h"
#include "wal/archive.h"
#include "wal/coverage.h"

namespace holdfast::restore {

// One system's WAL along one lineage.
struct WalView {
  wal::Archive& archive;
  const wal::Inventory& inventory;
  pg::SystemIdentifier system;
  pg::TimelineHistory history;
  std::string time_zone;  // for messages
};

// Where the WAL after `from` holds the record that the target names: the commit or abort of a
// transaction, or a restore point. Empty for targets that name no record, and when it is not there.
std::optional<pg::Lsn> FindTargetRecord(const WalView& view, const RecoveryTarget& target,
                                        pg::Lsn from);

// WAL that cannot be passed, though the lineage goes on behind it.
struct GapAhead {
  wal::Gap gap;
  pg::Lsn last_record;  // the last whole one in front of it, where recovery can stop
  pg::Lsn behind_to;    // where the WAL behind it ends
};

struct ReachedEnd {
  pg::Lsn wal_end;
  std::optional<base::Time> last_commit;  // along the way
  std::optional<GapAhead> gap;            // at wal_end
};

// What recovery can be told to stop at: from the moment in which the backup is consistent until
// just before the last commit, without meeting which it cannot know that it arrived.
struct ReachableTimes {
  base::Time earliest;
  base::Time latest;
};

// Empty when nothing was committed in between.
std::optional<ReachableTimes> TimesBetween(base::Time stop_time,
                                           std::optional<base::Time> last_commit, bool exclusive);
// From this backup. Empty also when that cannot be told.
std::optional<ReachableTimes> TimesFrom(const WalView& view, const catalog::ClusterBackup& backup,
                                        bool exclusive);

// Throws Error(kNotFound) when WAL of the backup itself, from its start to its stop, is missing.
void CheckWalOfBackup(const WalView& view, const catalog::ClusterBackup& backup);

// Throws Error(kNotFound) when recovery from `backup` would end before the target, with the nearest
// times or positions that can be reached; naming the gap when WAL is missing in between.
ReachedEnd CheckReach(const WalView& view, const catalog::ClusterBackup& backup,
                      const TargetOptions& target);

}  // namespace holdfast::restore
