#include "upkeep/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/size_text.h"
#include "base/time_text.h"
#include "base/workers.h"
#include "repo/condemned.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "upkeep/log_expiry.h"
#include "upkeep/prune_plan.h"
#include "upkeep/removal.h"
#include "upkeep/repository_view.h"

namespace holdfast::upkeep {

namespace {

using base::Error;
using base::ErrorKind;

// A list that everyone can hold in memory: 3.5 MB of text.
constexpr std::size_t kMaxPacksOnList = 100'000;
// Below this the share says nothing: a repository of three packs may lose two.
constexpr std::uint64_t kFewPacks = 16;
constexpr std::uint64_t kFewSegments = 64;
constexpr std::size_t kNamedMissing = 5;

Error Refusal(std::string message, const PruneOptions& options) {
  return {ErrorKind::kConflict,
          std::move(message),
          {"nothing was deleted and nothing condemned; see what would be: --dry-run --yes",
           fmt::format("if it is meant: --allow-share with more than {}, or --yes",
                       options.allowed_share)}};
}

bool IsOver(std::uint64_t part, std::uint64_t whole, unsigned share) {
  return static_cast<double>(part) * 100 > static_cast<double>(whole) * share;
}

class Run {
 public:
  Run(storage::Storage& storage, const PruneOptions& options, base::Reporter& report,
      std::stop_token stop)
      : storage_(storage), options_(options), report_(report), stop_(std::move(stop)) {}

  PruneResult Execute() {
    CheckGrace();
    (void)repo::ReadConfigToPrune(storage_);
    report_.Note("looking at what backups, leases and lists need");
    view_ = ReadView(storage_, options_.grace, options_.jobs, stop_);
    JudgeMissing();
    plan_ = MakePlan(view_, options_.grace, storage::ListAll(storage_, repo::kLeasesPrefix));
    logs_.emplace(storage_, view_, plan_, options_);
    std::erase_if(plan_.snapshots,
                  [&](const ViewedSnapshot* snapshot) { return logs_->IsLastToTellOf(*snapshot); });
    FillResult();
    CheckShares();
    if (options_.dry_run) return std::move(result_);
    ExecuteLists();
    PutLists();
    RemoveSnapshots();
    RemoveRest();
    return std::move(result_);
  }

 private:
  void CheckGrace() const {
    if (options_.grace >= repo::kGrace || options_.short_grace) return;
    throw Error(
        ErrorKind::kUsage,
        fmt::format("a grace of {} is too short: at least {}", base::FormatDuration(options_.grace),
                    base::FormatDuration(repo::kGrace)),
        {"backups that run now must have time to see what was condemned"});
  }

  void JudgeMissing() {
    if (view_.missing.empty()) return;
    for (std::size_t i = 0; i < std::min(view_.missing.size(), kNamedMissing); ++i) {
      const MissingPack& missing = view_.missing[i];
      result_.warnings.push_back(fmt::format("backup {} needs pack {}..., which is not there",
                                             missing.backup.ToString(),
                                             base::ToHex(missing.pack.bytes)));
    }
    if (options_.despite_damage) return;
    throw Error(ErrorKind::kCorrupt,
                fmt::format("{}{}", result_.warnings.front(),
                            view_.missing.size() > 1
                                ? fmt::format(" (and {} more)", view_.missing.size() - 1)
                                : ""),
                {"nothing was deleted: where one pack is missing, the listing may lack others",
                 "see what is damaged: holdfast verify --level list",
                 fmt::format("forget what cannot be restored: holdfast forget {}",
                             view_.missing.front().backup.ToString()),
                 "or go on all the same: --despite-damage"});
  }

  Amount AmountOf(const std::vector<std::uint32_t>& places) const {
    Amount amount;
    for (const std::uint32_t place : places) amount.Add(view_.packs[place].size);
    return amount;
  }

  void FillResult() {
    for (const DueList& due : plan_.due) {
      const Amount amount = AmountOf(due.deleted);
      result_.packs_removed.objects += amount.objects;
      result_.packs_removed.bytes += amount.bytes;
      result_.packs_spared += due.spared.size();
    }
    result_.packs_condemned = AmountOf(plan_.condemned);
    result_.packs_waiting = AmountOf(plan_.waiting_packs);
    for (std::size_t place = 0; place < view_.packs.size(); ++place) {
      if (view_.needed[place]) result_.packs_kept.Add(view_.packs[place].size);
    }
    for (const ViewedSnapshot* snapshot : plan_.snapshots) {
      result_.backups_removed.push_back(snapshot->id);
    }
    for (const ViewedSnapshot& snapshot : view_.snapshots) {
      if (snapshot.kept() && snapshot.dead_since) {
        result_.backups_kept.push_back({.id = snapshot.id, .why = snapshot.kept_by});
      }
    }
    result_.logs = logs_->logs();
    result_.notes = logs_->notes();
    result_.leases_removed = plan_.leases.size();
    result_.pins_removed = plan_.pins.size();
    result_.lists_removed = static_cast<std::uint64_t>(std::ranges::count_if(
        plan_.lists,
        [](const std::string& object) { return !object.ends_with(repo::kDoneSuffix); }));
    result_.next_due = plan_.next_due;
    const bool new_list = !plan_.condemned.empty() || !logs_->condemned().empty();
    if (new_list && !result_.next_due) result_.next_due = view_.now + options_.grace;
  }

  void CheckShares() const {
    if (options_.allowed_share >= 100) return;
    CheckPacks();
    for (std::size_t i = 0; i < result_.logs.size();) {
      std::size_t end = i;
      while (end < result_.logs.size() && result_.logs[end].place == result_.logs[i].place) ++end;
      CheckLog(i, end);
      i = end;
    }
  }

  void CheckPacks() const {
    if (plan_.condemned.empty()) return;
    std::uint64_t whole = 0;
    for (const ListedPack& pack : view_.packs) whole += pack.size;
    const std::uint64_t going = result_.packs_condemned.bytes + result_.packs_waiting.bytes;
    const bool none_kept = result_.packs_kept.objects == 0;
    const std::uint64_t count = result_.packs_condemned.objects + result_.packs_waiting.objects;
    if (!none_kept && (count <= kFewPacks || !IsOver(going, whole, options_.allowed_share))) {
      return;
    }
    throw Refusal(none_kept ? fmt::format("no backup needs any of the {} packs that are there",
                                          view_.packs.size())
                            : fmt::format("{} of the {} in packs would go, more than {} %",
                                          base::FormatBytes(going), base::FormatBytes(whole),
                                          options_.allowed_share),
                  options_);
  }

  // The timelines [begin, end) of one log.
  void CheckLog(std::size_t begin, std::size_t end) const {
    Amount fresh;
    std::uint64_t going = 0;
    std::uint64_t whole = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const PrunedLog& log = result_.logs[i];
      fresh.objects += log.condemned.objects;
      going += log.removed.bytes + log.condemned.bytes + log.waiting.bytes;
      whole += log.removed.bytes + log.condemned.bytes + log.waiting.bytes + log.kept.bytes;
    }
    if (fresh.objects <= kFewSegments || !IsOver(going, whole, options_.allowed_share)) return;
    throw Refusal(fmt::format("{} of the {} of WAL of {} would go, more than {} %",
                              base::FormatBytes(going), base::FormatBytes(whole),
                              result_.logs[begin].place.source, options_.allowed_share),
                  options_);
  }

  Removal RemovePacks(const std::vector<std::uint32_t>& places) {
    return RemoveObjects(
        storage_, places.size(),
        [&](std::size_t n) { return repo::PackObject(view_.packs[places[n]].id); }, options_.jobs,
        stop_);
  }

  Removal RemoveNamed(const std::vector<std::string>& objects) {
    Removal removal;
    // One after the other: their order matters.
    for (const std::string& object : objects) {
      removal.Add(RemoveObjects(
          storage_, 1, [&](std::size_t) { return object; }, 1, stop_));
    }
    return removal;
  }

  void WarnOfRefusals(const Removal& removal, std::string_view what) {
    if (removal.refused == 0) return;
    result_.warnings.push_back(fmt::format("the store did not let {} {} go, the first: {}",
                                           removal.refused, what, removal.first_refusal));
  }

  // The mark comes last: a list without one is executed again.
  void ExecuteLists() {
    if (plan_.due.empty()) return;
    report_.BeginPhase("deleting packs", result_.packs_removed.bytes);
    std::vector<bool> complete;
    Removal all;
    for (const DueList& due : plan_.due) {
      const Removal removal = RemovePacks(due.deleted);
      report_.Advance(AmountOf(due.deleted).bytes);
      complete.push_back(removal.refused == 0);
      all.Add(removal);
    }
    report_.EndPhase();
    WarnOfRefusals(all, "packs");
    const Removal log = logs_->Execute(options_.jobs, stop_);
    WarnOfRefusals(log, "WAL objects");
    for (std::size_t i = 0; i < plan_.due.size(); ++i) {
      const ViewedList& list = view_.lists[plan_.due[i].list];
      if (!complete[i] || (log.refused > 0 && !list.list.logs.empty())) continue;
      (void)storage_.Put(repo::ExecutedMarkObject(list.object),
                         repo::FormatExecutedMark(
                             {.finished = storage_.StoreTime(), .rescued = plan_.due[i].spared}));
    }
  }

  void PutLists() {
    std::size_t next = 0;
    while (next < plan_.condemned.size() || (next == 0 && !logs_->condemned().empty())) {
      // Of the time at which everything was read: what was put since is not on it.
      repo::CondemnedList list{.created = view_.now, .packs = {}};
      if (next == 0) list.logs = logs_->condemned();
      const std::size_t end = std::min(next + kMaxPacksOnList, plan_.condemned.size());
      for (std::size_t i = next; i < end; ++i) {
        list.packs.push_back(repo::ShortPackId::Of(view_.packs[plan_.condemned[i]].id));
      }
      PutList(list);
      if (end == 0) break;
      next = end;
    }
  }

  void PutList(const repo::CondemnedList& list) {
    const base::Bytes contents = repo::FormatCondemnedList(list);
    while (storage_.Put(repo::NewCondemnedListObject(view_.now), contents) !=
           storage::PutOutcome::kStored) {
      // Another prune of the same second drew the same name; or it is ours, of a try whose answer
      // was lost: then it is there twice, which does no harm.
      base::ThrowIfStopped(stop_);
    }
  }

  // The snapshot first: without its tombstone it would be a backup again.
  void RemoveSnapshots() {
    Removal removal;
    for (const ViewedSnapshot* snapshot : plan_.snapshots) {
      if (CameAgain(*snapshot)) continue;
      const Removal record = RemoveNamed({repo::SnapshotObject(snapshot->id)});
      removal.Add(record);
      if (record.refused == 0) removal.Add(RemoveMarks(snapshot->id));
    }
    for (const repo::BackupId& id : view_.stray_marks_of) {
      // Certainly without its snapshot, which would be a backup again.
      if (!storage_.Stat(repo::SnapshotObject(id))) removal.Add(RemoveMarks(id));
    }
    WarnOfRefusals(removal, "backup records");
  }

  // A copy keeps its backup's name: another prune may have removed the one that was viewed, and a
  // new copy have been made since.
  bool CameAgain(const ViewedSnapshot& snapshot) {
    const auto there = storage_.Stat(repo::SnapshotObject(snapshot.id));
    // A store may tell parts of a second in listings only.
    const auto seconds = [](base::Time time) {
      return std::chrono::floor<std::chrono::seconds>(time);
    };
    return there && seconds(there->modified) != seconds(snapshot.stored);
  }

  Removal RemoveMarks(const repo::BackupId& id) {
    return RemoveNamed({repo::TombstoneObject(id), repo::WithdrawalObject(id)});
  }

  void RemoveRest() {
    Removal removal = RemoveNamed(plan_.leases);
    removal.Add(RemoveNamed(plan_.pins));
    removal.Add(RemoveNamed(plan_.lists));
    removal.Add(RemoveNamed(view_.idle_damage_marks));
    WarnOfRefusals(removal, "leases, pins, lists or marks of damage");
    result_.leftovers_removed = storage_.RemoveLeftovers();
  }

  storage::Storage& storage_;
  const PruneOptions& options_;
  base::Reporter& report_;
  const std::stop_token stop_;
  RepositoryView view_;
  PrunePlan plan_;
  std::optional<LogExpiry> logs_;
  PruneResult result_;
};

}  // namespace

PruneResult Prune(storage::Storage& storage, const PruneOptions& options, base::Reporter& report,
                  const std::stop_token& stop) {
  return Run(storage, options, report, stop).Execute();
}

}  // namespace holdfast::upkeep
