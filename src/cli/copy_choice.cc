#include "cli/copy_choice.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "catalog/cluster_facts.h"
#include "cli/retention_choice.h"
#include "upkeep/retention.h"

namespace holdfast::cli {
namespace {

// Backups that take one another's places there.
struct Series {
  upkeep::RetentionPolicy policy;
  std::vector<upkeep::RetainedBackup> backups;
};
using SeriesKey = std::pair<std::string, std::string>;  // kind, policy

std::vector<repo::Snapshot> InOrder(const replicate::CopyPlan& plan) {
  std::vector<repo::Snapshot> all = plan.of_target;
  all.insert(all.end(), plan.backups.begin(), plan.backups.end());
  std::ranges::stable_sort(all, {},
                           [](const repo::Snapshot& backup) { return backup.facts.started; });
  return all;
}

bool IsGood(const repo::Snapshot& backup) {
  if (backup.facts.kind != catalog::kClusterKind) return true;
  try {
    return catalog::FactsOf(backup).bad_pages.empty();
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return false;
  }
}

std::map<SeriesKey, Series> SeriesOf(const config::Config& config, const std::string& repository,
                                     const replicate::CopyPlan& plan,
                                     const std::set<repo::BackupId>& pinned) {
  std::map<SeriesKey, Series> all;
  std::uint64_t sequence = 0;
  for (const repo::Snapshot& backup : InOrder(plan)) {
    const auto policy = ChoosePolicy(config, repository, backup);
    if (!policy) continue;
    Series& series = all[{backup.facts.kind, policy->name}];
    series.policy = policy->policy;
    series.backups.push_back({.id = backup.id,
                              .sequence = ++sequence,
                              .started = backup.facts.started,
                              .stored = backup.facts.finished,
                              .good = IsGood(backup),
                              .full = !backup.facts.parent,
                              .pinned = backup.facts.pinned || pinned.contains(backup.id)});
  }
  return all;
}

upkeep::LogUse UseOf(const replicate::CopyPlan& plan, std::uint64_t system,
                     const std::vector<upkeep::ArchivedTimeline>& archived) {
  upkeep::LogUse use{.backups = {}, .open = {}, .archived = archived};
  for (const repo::Snapshot& backup : InOrder(plan)) {
    const auto& log = backup.facts.log;
    if (log && log->system == system)
      use.backups.push_back({.log = *log, .stored = backup.facts.finished});
  }
  return use;
}

}  // namespace

std::set<repo::BackupId> NotKeptThere(const config::Config& config, const std::string& repository,
                                      const replicate::CopyPlan& plan,
                                      const std::set<repo::BackupId>& pinned, base::Time now) {
  std::set<repo::BackupId> expired;
  for (const auto& [key, series] : SeriesOf(config, repository, plan, pinned)) {
    for (const upkeep::RetentionVerdict& verdict : upkeep::SelectExpired(
             series.backups, series.policy, {.now = now, .zone = config.timezone})) {
      if (verdict.expired()) expired.insert(verdict.id);
    }
  }
  return expired;
}

std::optional<replicate::WantsSegment> SegmentsWithin(
    std::optional<base::Duration> window, const replicate::CopyPlan& plan,
    const std::vector<upkeep::ArchivedTimeline>& archived, base::Time now) {
  if (!window) return std::nullopt;
  std::map<std::uint64_t, repo::CondemnedLog> logs;
  for (const repo::Snapshot& backup : InOrder(plan)) {
    const auto& log = backup.facts.log;
    if (!log) continue;
    repo::CondemnedLog& needed = logs[log->system];
    needed.known_timeline = std::max(needed.known_timeline, log->timeline);
  }
  for (auto& [system, log] : logs)
    log.needs = upkeep::NeedsOf(UseOf(plan, system, archived), {.length = *window, .now = now});
  return [logs = std::move(logs)](pg::SystemIdentifier system, pg::TimelineId timeline,
                                  pg::Lsn start, pg::Lsn end) {
    const auto log = logs.find(system.value());
    return log == logs.end() ||
           upkeep::IsNeeded(log->second, timeline.value(), start.value(), end.value());
  };
}

}  // namespace holdfast::cli
