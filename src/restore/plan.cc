#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/size_text.h"
#include "base/time_text.h"
#include "restore/backup_contents.h"
#include "restore/choose.h"
#include "restore/claim.h"
#include "restore/destination.h"
#include "restore/in_place.h"
#include "restore/other_copies.h"
#include "restore/reach.h"
#include "restore/restore.h"
#include "restore/surroundings.h"
#include "wal/archive.h"

namespace holdfast::restore {

namespace {

// Recovery fetches WAL into pg_wal and keeps some of it; two checkpoints' worth is the usual
// amount.
constexpr std::uint64_t kWalAllowance = 64 * base::kMiB;

// Where no backup is asked for, one that cannot be read may be the one that would have been chosen.
Backups ReadBackups(const repo::Repository& repository, const RestoreOptions& options,
                    base::Reporter& report, std::vector<std::string>& told) {
  Backups backups = catalog::ClusterBackups(
      repository, options.source, [&](const repo::BackupId& id, const base::Error& error) {
        const std::string text =
            fmt::format("backup {} cannot be read: {}", id.ToString(), error.message());
        if (options.backup) return report.Note(text);
        report.Warn(text);
        told.push_back(text);
      });
  if (backups.empty()) {
    throw base::Error(
        base::ErrorKind::kNotFound,
        fmt::format("there is no cluster backup of {} in this repository", options.source),
        {"holdfast list shows the backups there are"});
  }
  return backups;
}

// The clusters that may be meant: that of the backup asked for, or by the target.
std::vector<pg::SystemIdentifier> ChooseClusters(const Backups& backups,
                                                 const RestoreOptions& options) {
  if (!options.backup) return ClustersFor(backups, options.target);
  const auto asked = std::ranges::find_if(
      backups, [&](const auto& backup) { return backup.snapshot.id == *options.backup; });
  if (asked == backups.end()) {
    throw base::Error(base::ErrorKind::kNotFound,
                      fmt::format("there is no cluster backup {}", options.backup->ToString()),
                      {"holdfast list shows the backups there are"});
  }
  return {asked->facts.system};
}

std::vector<pg::TimelineHistory> Histories(wal::Archive& archive, const wal::Inventory& inventory,
                                           pg::SystemIdentifier system) {
  std::vector<pg::TimelineHistory> histories;
  for (const pg::TimelineId timeline : inventory.timelines) {
    if (auto history = archive.History(system, timeline)) histories.push_back(std::move(*history));
  }
  return histories;
}

// The source's own lineage, not the highest number: a copy that archived by mistake must not be
// followed unasked.
pg::TimelineId ChooseTimeline(wal::Archive& archive, const wal::Inventory& inventory,
                              pg::SystemIdentifier system, const RestoreOptions& options) {
  if (options.target.timeline) return *options.target.timeline;
  const wal::LatestTimeline latest = wal::ChooseLatest(inventory, archive.RecordedTimeline(system),
                                                       Histories(archive, inventory, system));
  if (!latest.unseen_descendants.empty()) {
    std::vector<std::uint32_t> others;
    for (const pg::TimelineId timeline : latest.unseen_descendants)
      others.push_back(timeline.value());
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("it is not certain which timeline is {}'s own: it was last seen on {}, and the "
                    "archive also holds {}",
                    options.source, latest.timeline.value(), fmt::join(others, ", ")),
        {fmt::format("say --timeline {} to restore what the source itself wrote",
                     latest.timeline.value()),
         fmt::format("say --timeline {} if the source was replaced by a server on that timeline",
                     others.back())});
  }
  return latest.timeline;
}

pg::TimelineHistory HistoryOf(wal::Archive& archive, pg::SystemIdentifier system,
                              pg::TimelineId timeline) {
  if (timeline == pg::TimelineId(1)) return {};
  if (auto history = archive.History(system, timeline)) return std::move(*history);
  throw base::Error(
      base::ErrorKind::kNotFound,
      fmt::format("the history file of timeline {} is not in the archive", timeline.value()),
      {"holdfast wal status shows the timelines there are"});
}

// `usable` has one at least. Times as --at takes them.
[[noreturn]] void ReportTooEarly(const WalView& view, Backups usable, bool exclusive) {
  std::ranges::stable_sort(usable, {}, [](const auto& backup) { return backup.facts.stop_time; });
  const auto text = [&](base::Time time) { return base::FormatExactly(time, view.time_zone); };
  std::vector<std::string> hints;
  for (const catalog::ClusterBackup& backup : usable) {
    const auto times = TimesFrom(view, backup, exclusive);
    if (!times) continue;
    hints.push_back(fmt::format("the earliest time within reach is {} (backup {}, LSN {})",
                                text(times->earliest), backup.snapshot.id.ToString(),
                                pg::FormatLsn(backup.facts.stop_lsn)));
    break;
  }
  if (hints.empty()) {
    hints.push_back(fmt::format(
        "no time is within reach: nothing was committed after the end of a backup; the earliest "
        "LSN is {}, and without a target everything in the archive is restored",
        pg::FormatLsn(usable.front().facts.stop_lsn)));
  }
  throw base::Error(base::ErrorKind::kNotFound,
                    "the target is earlier than the end of every backup that could lead to it",
                    std::move(hints));
}

catalog::ClusterBackup ChooseBackup(const WalView& view, const Backups& all,
                                    const RestoreOptions& options) {
  Backups usable = OnHistory(all, view.system, view.history);
  if (options.backup) {
    std::erase_if(usable,
                  [&](const auto& backup) { return backup.snapshot.id != *options.backup; });
    if (usable.empty()) {
      throw base::Error(base::ErrorKind::kConflict,
                        fmt::format("backup {} does not lead to timeline {}",
                                    options.backup->ToString(), view.history.timeline().value()),
                        {"choose another with --timeline, or leave --backup out"});
    }
  }
  if (usable.empty()) {
    throw base::Error(
        base::ErrorKind::kNotFound,
        fmt::format("no backup leads to timeline {}", view.history.timeline().value()),
        {"choose another timeline with --timeline; holdfast wal status shows them"});
  }
  // The newest backup of which the record lies after the end; found by searching from the newest
  // backward.
  std::optional<pg::Lsn> found_at;
  for (auto backup = usable.rbegin(); backup != usable.rend() && !found_at; ++backup) {
    found_at = FindTargetRecord(view, options.target.target, backup->facts.stop_lsn);
  }
  if (const catalog::ClusterBackup* chosen = NewestBefore(usable, options.target, found_at))
    return *chosen;
  if (!found_at && !std::holds_alternative<TimeTarget>(options.target.target) &&
      !std::holds_alternative<LsnTarget>(options.target.target)) {
    return usable.front();  // CheckReach says what was searched for and where
  }
  ReportTooEarly(view, std::move(usable), options.target.exclusive);
}

// What recovery starts from and how far it gets, in one of the clusters that the source was.
struct Choice {
  pg::SystemIdentifier system;
  wal::Inventory inventory;
  pg::TimelineHistory history;
  catalog::ClusterBackup backup;
  ReachedEnd end;
};

Choice ChooseIn(wal::Archive& archive, const Backups& backups, pg::SystemIdentifier system,
                const RestoreOptions& options) {
  wal::Inventory inventory = archive.Take(system);
  const pg::TimelineId timeline = ChooseTimeline(archive, inventory, system, options);
  const WalView view{.archive = archive,
                     .inventory = inventory,
                     .system = system,
                     .history = HistoryOf(archive, system, timeline),
                     .time_zone = options.time_zone};
  catalog::ClusterBackup backup = ChooseBackup(view, backups, options);
  ReachedEnd end = CheckReach(view, backup, options.target);
  return {.system = system,
          .inventory = std::move(inventory),
          .history = view.history,
          .backup = std::move(backup),
          .end = std::move(end)};
}

// Of what is wrong in several clusters, the first is told.
Choice Choose(wal::Archive& archive, const Backups& backups, const RestoreOptions& options) {
  std::optional<base::Error> first;
  for (const pg::SystemIdentifier system : ChooseClusters(backups, options)) {
    try {
      return ChooseIn(archive, backups, system, options);
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kNotFound) throw;
      if (!first) first = error;
    }
  }
  throw base::Error(*first);
}

// Where the source was more than one, it is said which is restored.
void TellOfCluster(const Choice& choice, const Backups& backups, const RestoreOptions& options,
                   base::Reporter& report, RestorePlan& plan) {
  const pg::SystemIdentifier now = backups.back().facts.system;
  const bool others = std::ranges::any_of(
      backups, [&](const auto& backup) { return backup.facts.system != choice.system; });
  if (!others || options.backup) return;
  if (choice.system == now) {
    return report.Note(fmt::format(
        "{} was more than one cluster: this restores {}, which it is by its newest backup; "
        "--backup takes one of another",
        options.source, now.value()));
  }
  plan.warnings.push_back(
      fmt::format("this restores the cluster {} of PostgreSQL {}, which {} was then; by its newest "
                  "backup it is "
                  "{}",
                  choice.system.value(), choice.backup.facts.server_version / 10000, options.source,
                  now.value()));
}

// Where the restored configuration leads to.
DecideConfig ConfigOf(const RestorePlan& plan, bool replaces_source) {
  return [&plan, replaces_source](PieceReader& pieces, const ConfigEntries& entries) {
    return PlacesIn({.settings = SettingsOf(pieces, entries),
                     .outside_files = plan.facts.outside_files,
                     .has = [&](const std::string& path) { return entries.contains(path); }},
                    plan.to, replaces_source);
  };
}

std::string GapWarning(const Choice& choice, const std::string& time_zone) {
  const ReachedEnd& end = choice.end;
  const std::string until =
      end.last_commit
          ? fmt::format("{} (LSN {})", base::FormatForPeople(*end.last_commit, time_zone),
                        pg::FormatLsn(end.wal_end))
          : fmt::format("LSN {}", pg::FormatLsn(end.wal_end));
  return fmt::format(
      "this is not the latest: recovery gets only up to the last commit before a gap, {}; missing: "
      "{}; newer WAL, up to LSN {}, is behind the gap. If the old server still has the missing "
      "files in pg_wal, bring them in with `holdfast wal push` and restore again",
      until, end.gap->gap.ToString(choice.inventory.segment_size),
      pg::FormatLsn(end.gap->behind_to));
}

void CheckTablespaces(const RestorePlan& plan) {
  for (const auto& [oid, directory] : plan.tablespaces) {
    if (plan.in_place) {
      CheckTablespaceInPlace(oid, directory, plan.to);
    } else {
      CheckTablespaceDirectory(directory, plan.to);
    }
  }
}

// Recovery stops in front of the record behind its target. Where nothing follows the backup's own
// WAL, as when it was taken from a standby and nothing happened, the end of WAL is the moment that
// was asked for.
void EndWhereWalEnds(RestorePlan& plan) {
  if (!std::holds_alternative<ImmediateTarget>(plan.target.target)) return;
  if (plan.wal_end > plan.facts.stop_lsn) return;
  if (plan.target.action != TargetAction::kPromote) {
    throw base::Error(
        base::ErrorKind::kNotFound,
        fmt::format(
            "no WAL follows the backup's own, which ends at {}: recovery can end there, but "
            "not pause or shut down there",
            pg::FormatLsn(plan.wal_end)),
        {"leave --action out, or wait until something was written and archived"});
  }
  plan.target.target = LatestTarget{};
}

}  // namespace

RestorePlan PlanRestore(const repo::Repository& repository, const RestoreOptions& options,
                        base::Reporter& report) {
  repository.RequireContentKey("restoring");
  if (!options.to.is_absolute()) {
    throw base::Error(base::ErrorKind::kUsage,
                      fmt::format("{} is not an absolute path", options.to.native()));
  }
  const base::Path to = options.to.lexically_normal();
  if (!options.in_place) AtDestination([&] { (void)CheckDataDirectory(to); });

  std::vector<std::string> told;
  const Backups backups = ReadBackups(repository, options, report, told);
  wal::Archive archive(repository, options.source);
  const Choice choice = Choose(archive, backups, options);
  const catalog::ClusterBackup& chosen = choice.backup;
  const ReachedEnd& end = choice.end;

  RestorePlan plan{.starts_as = StartsAs::kRecovery,
                   .backup = chosen.snapshot,
                   .facts = chosen.facts,
                   .lineage = choice.history.Spans(),
                   .target_timeline = choice.history.timeline(),
                   .wal_end = end.wal_end,
                   .last_commit = end.last_commit,
                   .gap = end.gap,
                   .target = options.target,
                   .to = to,
                   .allow_damaged = options.allow_damaged,
                   .tablespaces = MapTablespaces(chosen.facts.tablespaces, options.tablespaces, to),
                   .config = {},
                   .others = std::make_shared<OtherCopies>(chosen.snapshot, options.others,
                                                           repository.clock(), report),
                   .warnings = {},
                   .told = std::move(told)};
  TellOfCluster(choice, backups, options, report, plan);
  EndWhereWalEnds(plan);
  if (options.in_place) {
    AtDestination(
        [&] { plan.in_place = CheckInPlace(to, choice.system) == DestinationState::kCluster; });
  }
  AtDestination([&] {
    CheckTablespaces(plan);
    RequireOutside(plan.to, plan.tablespaces, options.precious);
    if (plan.in_place) CheckMayBeCleared(plan, options);
  });
  CheckPacks(repository, plan);
  auto bytes = ReadTree(repository, ConfigOf(plan, options.replaces_source), plan);
  bytes[plan.to] += kWalAllowance;
  if (plan.in_place) LookAtOldCluster(repository, archive, plan, bytes);
  AtDestination([&] { CheckSpace(bytes); });
  if (end.gap && std::holds_alternative<LatestTarget>(options.target.target))
    plan.warnings.push_back(GapWarning(choice, options.time_zone));
  AddWarnings(plan);
  return plan;
}

}  // namespace holdfast::restore
