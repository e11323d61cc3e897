#include "cli/recovery_windows.h"

#include <algorithm>

namespace holdfast::cli {
namespace {

bool LeadsOnto(const BackupPoint& backup, const Branch& branch) {
  return branch.history ? branch.history->CanContinueFrom(backup.timeline, backup.stop)
                        : backup.timeline == branch.timeline;
}

}  // namespace

wal::Lineage LineageOf(const Branch& branch) {
  if (branch.history) return branch.history->Spans();
  return {{.timeline = branch.timeline, .begin = pg::Lsn(), .end = std::nullopt}};
}

std::optional<RecoveryWindow> WindowOf(const wal::Inventory& inventory, const Branch& branch,
                                       const std::vector<BackupPoint>& backups) {
  const wal::Lineage lineage = LineageOf(branch);
  RecoveryWindow window{.timeline = branch.timeline};
  for (const BackupPoint& backup : backups) {
    if (!LeadsOnto(backup, branch)) continue;
    const wal::Reach reach = wal::FollowWal(inventory, lineage, backup.start);
    if (reach.end < backup.stop) continue;
    if (!window.stretches.empty() && window.stretches.back().to == reach.end) continue;
    window.stretches.push_back(
        {.from = backup.stop, .to = reach.end, .from_time = backup.stop_time});
    window.open_gap = reach.first_gap;
    if (reach.first_gap) window.gaps.push_back(*reach.first_gap);
  }
  if (window.stretches.empty()) return std::nullopt;
  return window;
}

bool IsUsable(const wal::Inventory& inventory, const std::vector<Branch>& branches,
              const BackupPoint& backup) {
  return std::ranges::any_of(branches, [&](const Branch& branch) {
    return WindowOf(inventory, branch, {backup}).has_value();
  });
}

}  // namespace holdfast::cli
