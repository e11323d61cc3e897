// Up to when, and from when on, a cluster can be recovered: pure decisions over what the archive
// and the backups say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pg/lsn.h"
#include "pg/timeline_history.h"
#include "wal/coverage.h"

namespace holdfast::cli {

// What recovery needs to know of a cluster backup.
struct BackupPoint {
  std::string id;
  pg::TimelineId timeline;
  pg::Lsn start;
  pg::Lsn stop;
  base::Time stop_time;
};

// One timeline to recover along. Without its history only backups that were taken on the timeline
// itself are known to lead to it.
struct Branch {
  pg::TimelineId timeline;
  std::optional<pg::TimelineHistory> history{};
};
wal::Lineage LineageOf(const Branch& branch);

// Positions that can be recovered to, [from, to], beginning with a backup's end.
struct Stretch {
  pg::Lsn from;
  pg::Lsn to;
  base::Time from_time;  // when the backup ended
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

struct RecoveryWindow {
  pg::TimelineId timeline;
  std::vector<Stretch> stretches{};  // ascending, at least one; nothing between them is reachable
  std::vector<wal::Gap> gaps{};      // the missing WAL that ends each stretch, if WAL follows it
  // The last of `gaps` when no backup was taken since: the latest moment is out of reach.
  std::optional<wal::Gap> open_gap{};
};

// Empty when no backup can be recovered along the branch. `backups` ascend by start.
std::optional<RecoveryWindow> WindowOf(const wal::Inventory& inventory, const Branch& branch,
                                       const std::vector<BackupPoint>& backups);

// Whether the WAL that makes a backup consistent is there, on one of the branches.
bool IsUsable(const wal::Inventory& inventory, const std::vector<Branch>& branches,
              const BackupPoint& backup);

}  // namespace holdfast::cli
