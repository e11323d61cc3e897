#include "replicate/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "replicate/backup_copy.h"
#include "repo/lease.h"
#include "repo/same_backup.h"

namespace holdfast::replicate {

namespace {

using base::Error;
using base::ErrorKind;

std::string NameOf(const repo::BackupId& id) { return "backup " + id.ToString(); }

class Planning {
 public:
  Planning(const repo::Repository& from, const repo::Repository& to, const std::string& source)
      : from_(from), to_(to) {
    if (from.id() == to.id()) {
      throw Error(ErrorKind::kConflict, "both are the same repository",
                  {"a copy that shares its fate is none: make another with holdfast init"});
    }
    plan_.source = source;
    listing_ = repo::ListSnapshotObjects(to.storage(), source);
  }

  CopyPlan Run(const std::vector<repo::BackupId>& only) {
    ReadTarget();
    const auto unreadable = [&](const repo::BackupId& id, const Error& error) {
      if (IsMeant(only, id)) plan_.failures.push_back({.what = NameOf(id), .error = error});
    };
    for (repo::Snapshot& backup : repo::ReadSnapshots(from_, plan_.source, unreadable)) {
      Add(std::move(backup), only);
    }
    return std::move(plan_);
  }

 private:
  static bool IsMeant(const std::vector<repo::BackupId>& only, const repo::BackupId& id) {
    return only.empty() || std::ranges::find(only, id) != only.end();
  }

  void ReadTarget() {
    const auto unreadable = [&](const repo::BackupId& id, const Error& error) {
      unreadable_.insert_or_assign(id, error);
    };
    plan_.of_target = repo::ReadSnapshots(to_, plan_.source, unreadable);
    for (const repo::Snapshot& backup : plan_.of_target) theirs_.emplace(backup.id, &backup);
  }

  void Add(repo::Snapshot backup, const std::vector<repo::BackupId>& only) {
    const repo::BackupId id = backup.id;
    const bool meant = IsMeant(only, id);
    if (const auto same = theirs_.find(id); same != theirs_.end()) {
      if (repo::SayTheSame(backup.facts, same->second->facts)) {
        plan_.there.push_back(std::move(backup));
      } else if (meant) {
        Refuse(id, "another backup is called so in the target repository");
      }
    } else if (!meant) {
      return;
    } else if (const auto found = unreadable_.find(id); found != unreadable_.end()) {
      plan_.failures.push_back({.what = NameOf(id) + " of the target", .error = found->second});
    } else if (!listing_.tombstones.contains(id)) {
      plan_.backups.push_back(std::move(backup));
    } else if (!to_.storage().Stat(repo::TombstoneObject(id))) {
      Refuse(id,
             "an attempt to copy it was taken back in the target repository: a prune there makes "
             "room for another, a day after that");
    } else if (only.empty()) {
      plan_.forgotten.push_back(id);
    } else {
      Refuse(id, "it was forgotten in the target repository");
    }
  }

  void Refuse(const repo::BackupId& id, std::string why) {
    plan_.failures.push_back(
        {.what = NameOf(id), .error = Error(ErrorKind::kConflict, std::move(why))});
  }

  const repo::Repository& from_;
  const repo::Repository& to_;
  CopyPlan plan_;
  repo::SnapshotListing listing_;
  std::map<repo::BackupId, const repo::Snapshot*> theirs_;
  std::map<repo::BackupId, Error> unreadable_;
};

// Which backup the next one has most in common with: the one that it was made after, else the
// newest that is older.
std::optional<SharedBackup> ChooseShared(const std::map<repo::BackupId, SharedBackup>& shared,
                                         const repo::Snapshot& backup) {
  if (backup.facts.parent) {
    const auto parent = shared.find(*backup.facts.parent);
    if (parent != shared.end()) return parent->second;
  }
  const SharedBackup* best = nullptr;
  for (const auto& [id, pair] : shared) {
    if (pair.from.facts.kind != backup.facts.kind) continue;
    const bool older = pair.from.facts.started <= backup.facts.started;
    if (best == nullptr || older) best = &pair;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

// Where each cluster's log begins that the target's backups will need.
std::map<pg::SystemIdentifier, pg::Lsn> LogStarts(const CopyPlan& plan) {
  std::map<pg::SystemIdentifier, pg::Lsn> starts;
  const auto add = [&](const repo::Snapshot& backup) {
    const auto& log = backup.facts.log;
    if (!log) return;
    const pg::Lsn start(log->start);
    const auto place = starts.try_emplace(pg::SystemIdentifier(log->system), start).first;
    place->second = std::min(place->second, start);
  };
  std::ranges::for_each(plan.backups, add);
  std::ranges::for_each(plan.of_target, add);
  return starts;
}

class Run {
 public:
  Run(const repo::Repository& from, const repo::Repository& to, const CopyPlan& plan,
      const CopyOptions& options, base::Reporter& report)
      : from_(from),
        to_(to),
        plan_(plan),
        options_(options),
        report_(report),
        notes_(from, to, options.notes, report) {
    result_.failures = plan.failures;
  }

  CopyResult Execute(const std::stop_token& stop) {
    if (options_.dry_run) {
      for (const repo::Snapshot& backup : plan_.backups) result_.copied.push_back(backup.id);
      CopyWal(stop);
      return std::move(result_);
    }
    to_.CheckMayWrite();
    PinOrigin();
    HoldLogs(to_);
    CopyWal(stop);
    for (const repo::Snapshot& backup : plan_.there) {
      const auto same = std::ranges::find(plan_.of_target, backup.id, &repo::Snapshot::id);
      shared_.insert_or_assign(backup.id, SharedBackup{.from = backup, .to = *same});
    }
    for (const repo::Snapshot& backup : plan_.backups) CopyOne(backup, stop);
    if (result_.failures.empty()) notes_.Forget();
    return std::move(result_);
  }

 private:
  // What is copied must not be deleted meanwhile. An origin that cannot be written to is copied
  // all the same: what vanishes shows.
  void PinOrigin() {
    repo::LeaseDraft draft{.kind = "copy", .pins = {}, .log = std::nullopt};
    for (const repo::Snapshot& backup : plan_.backups) draft.pins.push_back(backup.id);
    if (!plan_.there.empty()) draft.pins.push_back(plan_.there.back().id);
    try {
      if (!draft.pins.empty())
        leases_.push_back(std::make_unique<repo::Lease>(from_, std::move(draft)));
      HoldLogs(from_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kDenied && error.kind() != ErrorKind::kUnavailable) throw;
      Warn(
          fmt::format("the repository that is copied cannot be written to, so nothing keeps a "
                      "prune from deleting parts of it meanwhile: {}",
                      error.message()));
    }
  }

  // At the target: WAL that arrives before the backups that need it is no waste.
  void HoldLogs(const repo::Repository& repository) {
    for (const auto& [system, start] : LogStarts(plan_)) {
      const repo::LogRange log{
          .system = system.value(), .timeline = 1, .start = start.value(), .stop = start.value()};
      leases_.push_back(std::make_unique<repo::Lease>(
          repository, repo::LeaseDraft{.kind = "copy", .pins = {}, .log = log}));
    }
  }

  void KeepAlive() {
    for (const auto& lease : leases_) lease->KeepAlive();
  }

  void Warn(std::string text) {
    report_.Warn(text);
    result_.warnings.push_back(std::move(text));
  }

  void CopyWal(const std::stop_token& stop) {
    const LogCopyOptions log{
        .source = plan_.source,
        .wants = options_.wants_segment ? options_.wants_segment : SinceTheOldestBackup(plan_),
        .dry_run = options_.dry_run,
        .keep_alive = [this] { KeepAlive(); }};
    LogCopyResult copied = CopyLog(from_, to_, log, report_, stop);
    result_.log.files += copied.files;
    result_.log.tails += copied.tails;
    result_.log.bytes += copied.bytes;
    std::ranges::move(copied.failures, std::back_inserter(result_.failures));
  }

  void CopyOne(const repo::Snapshot& backup, const std::stop_token& stop) {
    base::ThrowIfStopped(stop);
    KeepAlive();
    const BackupCopyContext context{.from = from_,
                                    .to = to_,
                                    .options = options_,
                                    .notes = notes_,
                                    .report = report_,
                                    .keep_alive = [this] { KeepAlive(); }};
    try {
      CopiedBackup copied = CopyBackup(context, backup, ChooseShared(shared_, backup), stop);
      result_.packs += copied.packs;
      result_.bytes_stored += copied.bytes_stored;
      result_.copied.push_back(backup.id);
      shared_.insert_or_assign(backup.id,
                               SharedBackup{.from = backup, .to = std::move(copied.snapshot)});
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kCorrupt && error.kind() != ErrorKind::kConflict) throw;
      result_.failures.push_back({.what = NameOf(backup.id), .error = error});
      return;
    }
    // A prune that had looked before the backup was there may have taken WAL that was there.
    if (!backup.facts.log || HasLog(to_, plan_.source, *backup.facts.log)) return;
    CopyWal(stop);
    if (HasLog(to_, plan_.source, *backup.facts.log)) return;
    Error error(ErrorKind::kCorrupt,
                "it was copied, and WAL that it needs is neither there nor here any more",
                {fmt::format("it cannot be restored from there: forget it in that repository, {}",
                             backup.id.ToString())});
    result_.failures.push_back({.what = NameOf(backup.id), .error = std::move(error)});
  }

  const repo::Repository& from_;
  const repo::Repository& to_;
  const CopyPlan& plan_;
  const CopyOptions& options_;
  base::Reporter& report_;
  CopyNotes notes_;
  CopyResult result_;
  std::vector<std::unique_ptr<repo::Lease>> leases_;  // on both sides
  std::map<repo::BackupId, SharedBackup> shared_;
};

}  // namespace

CopyPlan PlanCopy(const repo::Repository& from, const repo::Repository& to,
                  const std::string& source, const std::vector<repo::BackupId>& only) {
  repo::CheckSourceName(source);
  return Planning(from, to, source).Run(only);
}

WantsSegment SinceTheOldestBackup(const CopyPlan& plan) {
  return [starts = LogStarts(plan)](pg::SystemIdentifier system, pg::TimelineId, pg::Lsn,
                                    pg::Lsn end) {
    const auto start = starts.find(system);
    return start == starts.end() || start->second < end;
  };
}

CopyResult ExecuteCopy(const repo::Repository& from, const repo::Repository& to,
                       const CopyPlan& plan, const CopyOptions& options, base::Reporter& report,
                       const std::stop_token& stop) {
  return Run(from, to, plan, options, report).Execute(stop);
}

}  // namespace holdfast::replicate
