#include "restore/choose.h"

#include <algorithm>

namespace holdfast::restore {

namespace {

// Recovery to a target earlier than the backup's end is impossible: the cluster is not consistent
// before it.
struct IsBefore {
  const catalog::ClusterFacts& facts;
  bool exclusive;
  std::optional<pg::Lsn> found_at;

  bool operator()(const LatestTarget&) const { return true; }
  bool operator()(const ImmediateTarget&) const { return true; }
  bool operator()(const TimeTarget& target) const {
    return exclusive ? facts.stop_time < target.time : facts.stop_time <= target.time;
  }
  bool operator()(const LsnTarget& target) const { return facts.stop_lsn <= target.lsn; }
  bool operator()(const XidTarget&) const { return found_at && facts.stop_lsn <= *found_at; }
  bool operator()(const NameTarget&) const { return found_at && facts.stop_lsn <= *found_at; }
};

}  // namespace

std::vector<pg::SystemIdentifier> ClustersFor(const Backups& backups, const TargetOptions& target) {
  if (!std::holds_alternative<TimeTarget>(target.target)) return {backups.back().facts.system};
  // Before all of them the earliest says best what is within reach.
  const catalog::ClusterBackup* then = NewestBefore(backups, target, std::nullopt);
  const catalog::ClusterBackup& first =
      then != nullptr ? *then : *std::ranges::min_element(backups, {}, [](const auto& backup) {
        return backup.facts.stop_time;
      });
  std::vector<pg::SystemIdentifier> clusters = {first.facts.system};
  for (auto backup = backups.rbegin(); backup != backups.rend(); ++backup) {
    if (std::ranges::find(clusters, backup->facts.system) == clusters.end())
      clusters.push_back(backup->facts.system);
  }
  return clusters;
}

Backups OnHistory(const Backups& backups, pg::SystemIdentifier system,
                  const pg::TimelineHistory& history) {
  Backups usable;
  std::ranges::copy_if(
      backups, std::back_inserter(usable), [&](const catalog::ClusterBackup& backup) {
        return backup.facts.system == system &&
               history.CanContinueFrom(backup.facts.timeline, backup.facts.stop_lsn);
      });
  return usable;
}

const catalog::ClusterBackup* NewestBefore(const Backups& backups, const TargetOptions& target,
                                           std::optional<pg::Lsn> found_at) {
  const auto newest = std::ranges::find_if(
      backups.rbegin(), backups.rend(), [&](const catalog::ClusterBackup& backup) {
        return std::visit(
            IsBefore{.facts = backup.facts, .exclusive = target.exclusive, .found_at = found_at},
            target.target);
      });
  return newest == backups.rend() ? nullptr : &*newest;
}

}  // namespace holdfast::restore
