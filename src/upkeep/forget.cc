#include "upkeep/forget.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "base/error.h"
#include "base/size_text.h"
#include "base/time_text.h"
#include "repo/pin.h"
#include "upkeep/burial.h"

namespace holdfast::upkeep {

namespace {

using base::Error;
using base::ErrorKind;

// Fewer than so many backups may go whatever share of all they are.
constexpr std::size_t kFewBackups = 4;
// A source that lost half of its size since its last good backup may have lost its data.
constexpr std::uint64_t kShrunken = 2;
constexpr std::uint64_t kTooSmallToTell = 16 * base::kMiB;

// Dumps of one database take the place of one another only.
std::string DatabaseOf(const repo::Snapshot& snapshot) {
  if (snapshot.facts.kind != "dump") return {};
  const auto label = snapshot.facts.labels.find("database");
  return label == snapshot.facts.labels.end() ? std::string() : label->second;
}

struct Series {
  std::string kind;
  std::optional<NamedPolicy> policy;
  std::vector<const ExaminedBackup*> backups;  // in the order in which they were made
};

using SeriesKey = std::tuple<std::string, std::string, std::string>;

std::map<SeriesKey, Series> DivideIntoSeries(const ExaminedSource& source,
                                             const PolicyOf& policy_of) {
  std::map<SeriesKey, Series> all;
  for (const ExaminedBackup& backup : source.backups) {
    const repo::Snapshot& snapshot = backup.snapshot;
    std::optional<NamedPolicy> policy = policy_of(snapshot);
    Series& series = all[{snapshot.facts.kind, DatabaseOf(snapshot), policy ? policy->name : ""}];
    series.kind = snapshot.facts.kind;
    series.policy = std::move(policy);
    series.backups.push_back(&backup);
  }
  return all;
}

// Why it is not the time to let backups of this series go.
std::vector<std::string> WhatLooksWrong(const Series& series, const ExaminedSource& source) {
  std::vector<std::string> warnings;
  const ExaminedBackup& newest = *series.backups.back();
  if (!newest.good()) {
    warnings.push_back(fmt::format("the newest backup, {}, is not good: {}",
                                   newest.snapshot.id.ToString(), newest.flaw));
  }
  const ExaminedBackup* before = nullptr;
  for (const ExaminedBackup* backup : series.backups) {
    if (backup != &newest && backup->good()) before = backup;
  }
  const std::uint64_t size = newest.snapshot.facts.tree.total_size;
  if (before != nullptr) {
    const std::uint64_t old_size = before->snapshot.facts.tree.total_size;
    if (old_size >= kTooSmallToTell && size < old_size / kShrunken) {
      warnings.push_back(fmt::format(
          "the newest backup, {}, holds {}, and the good one before {}: has the source lost data?",
          newest.snapshot.id.ToString(), base::FormatBytes(size), base::FormatBytes(old_size)));
    }
  }
  for (const repo::LeaseInfo& lease : source.broken_off) {
    if (lease.started < newest.stored) continue;
    warnings.push_back(
        fmt::format("a backup that began at {} on {} broke off, and none was made since",
                    base::FormatRfc3339(lease.started), lease.host));
  }
  const bool any_leads = std::ranges::any_of(series.backups, [](const ExaminedBackup* backup) {
    return backup->good() && backup->leads_to_present;
  });
  const bool any_good = std::ranges::any_of(
      series.backups, [](const ExaminedBackup* backup) { return backup->good(); });
  if (any_good && !any_leads) {
    warnings.emplace_back(
        "no good backup leads to the timeline that the source is on now: take a backup");
  }
  return warnings;
}

RetainedBackup Retained(const ExaminedBackup& backup) {
  return {.id = backup.snapshot.id,
          .sequence = backup.snapshot.sequence,
          .started = backup.snapshot.facts.started,
          .stored = backup.stored,
          .good = backup.good(),
          .full = !backup.snapshot.facts.parent,
          .pinned = backup.pinned,
          .leads_to_present = backup.leads_to_present};
}

ForgetSeries Judge(const Series& series, const ExaminedSource& source, const RetentionTime& time) {
  ForgetSeries judged{.source = source.source,
                      .kind = series.kind,
                      .policy = {},
                      .backups = {},
                      .warnings = WhatLooksWrong(series, source)};
  std::map<repo::BackupId, const ExaminedBackup*> by_id;
  std::vector<RetainedBackup> retained;
  for (const ExaminedBackup* backup : series.backups) {
    by_id[backup->snapshot.id] = backup;
    retained.push_back(Retained(*backup));
  }
  if (series.policy) {
    judged.policy = fmt::format("{}: {}", series.policy->name, ToText(series.policy->policy));
  }
  const RetentionPolicy policy = series.policy ? series.policy->policy : RetentionPolicy{};
  for (RetentionVerdict& verdict : SelectExpired(std::move(retained), policy, time)) {
    const ExaminedBackup& backup = *by_id.at(verdict.id);
    if (!series.policy) verdict.kept_by.emplace_back("no policy applies to it");
    judged.backups.push_back({.backup = backup.snapshot,
                              .forgotten = verdict.expired(),
                              .reasons = std::move(verdict.kept_by),
                              .flaw = backup.flaw});
  }
  return judged;
}

bool AnyForgotten(const ForgetSeries& series) {
  return std::ranges::any_of(series.backups, &ForgetVerdict::forgotten);
}

std::size_t CountForgotten(const ForgetSeries& series) {
  return static_cast<std::size_t>(std::ranges::count_if(series.backups, &ForgetVerdict::forgotten));
}

void Refuse(ForgetSeries& series, base::Error why) {
  for (ForgetVerdict& verdict : series.backups) {
    if (verdict.forgotten) verdict.reasons = {"refused"};
    verdict.forgotten = false;
  }
  series.refusal = std::move(why);
}

void RefuseIfWrong(ForgetSeries& series, const ForgetOptions& options) {
  if (options.despite_warnings || series.warnings.empty() || !AnyForgotten(series)) return;
  Error error(ErrorKind::kConflict,
              fmt::format("nothing of {} is forgotten: {}", series.source, series.warnings.front()),
              {series.warnings.begin() + 1, series.warnings.end()});
  error.AddHint("see how it stands: holdfast status " + series.source);
  error.AddHint("to forget all the same: --despite-warnings");
  Refuse(series, std::move(error));
}

// All series of one source.
void RefuseIfTooMany(std::span<ForgetSeries> all, std::size_t backups,
                     const ForgetOptions& options) {
  std::size_t going = 0;
  for (const ForgetSeries& series : all) going += CountForgotten(series);
  if (going <= kFewBackups || going * 100 <= backups * options.allowed_share) return;
  const Error error(ErrorKind::kConflict,
                    fmt::format("{} of the {} backups of {} would be forgotten, more than {} %",
                                going, backups, all.front().source, options.allowed_share),
                    {"see which: --dry-run --yes",
                     fmt::format("if it is meant: --allow-share with more than {}, or --yes",
                                 options.allowed_share)});
  for (ForgetSeries& series : all) {
    if (AnyForgotten(series)) Refuse(series, error);
  }
}

std::vector<repo::BackupId> StayingGood(const ForgetSeries& series) {
  std::vector<repo::BackupId> staying;
  for (const ForgetVerdict& verdict : series.backups) {
    if (!verdict.forgotten && verdict.flaw.empty()) staying.push_back(verdict.backup.id);
  }
  return staying;
}

std::vector<std::string> SourcesOf(const repo::Repository& repository, const std::string& source) {
  if (!source.empty()) return {source};
  return repo::ListSources(repository);
}

// Named backups of one source: may they go?
class NamedCheck {
 public:
  NamedCheck(const ExaminedSource& source, const std::set<repo::BackupId>& going,
             const repo::Pins& pins, const ForgetOptions& options, base::Time now)
      : source_(source), going_(going), pins_(pins), options_(options), now_(now) {}

  std::vector<ForgetSeries> Run() {
    const auto all = DivideIntoSeries(
        source_, [](const repo::Snapshot&) { return std::optional<NamedPolicy>(); });
    std::vector<ForgetSeries> result;
    for (const auto& [key, series] : all) {
      ForgetSeries judged{.source = source_.source,
                          .kind = series.kind,
                          .policy = {},
                          .backups = {},
                          .warnings = {}};
      for (const ExaminedBackup* backup : series.backups) {
        const bool goes = going_.contains(backup->snapshot.id);
        if (goes) CheckPinned(*backup);
        judged.backups.push_back(
            {.backup = backup->snapshot, .forgotten = goes, .reasons = {}, .flaw = backup->flaw});
      }
      std::ranges::reverse(judged.backups);
      if (AnyForgotten(judged)) {
        CheckLast(judged);
        result.push_back(std::move(judged));
      }
    }
    return result;
  }

 private:
  void CheckPinned(const ExaminedBackup& backup) const {
    const std::string id = backup.snapshot.id.ToString();
    if (repo::IsPinned(pins_, backup.snapshot.id, now_)) {
      throw Error(ErrorKind::kConflict, fmt::format("backup {} is pinned", id),
                  {"nothing was forgotten; unpin it first: holdfast unpin " + id});
    }
    if (!backup.pinned || options_.even_pinned) return;
    throw Error(ErrorKind::kConflict,
                fmt::format("backup {} was made to be kept, as its record says", id),
                {"nothing was forgotten; to forget it all the same: --even-pinned"});
  }

  void CheckLast(const ForgetSeries& series) const {
    if (options_.even_last || !StayingGood(series).empty()) return;
    const bool had_good = std::ranges::any_of(
        series.backups, [](const ForgetVerdict& verdict) { return verdict.flaw.empty(); });
    const bool any_left = std::ranges::any_of(
        series.backups, [](const ForgetVerdict& verdict) { return !verdict.forgotten; });
    if (!had_good && any_left) return;
    throw Error(ErrorKind::kConflict,
                fmt::format("no good {} backup of {} would be left", series.kind, series.source),
                {"nothing was forgotten", "to forget even the last one: --even-last"});
  }

  const ExaminedSource& source_;
  const std::set<repo::BackupId>& going_;
  const repo::Pins& pins_;
  const ForgetOptions& options_;
  const base::Time now_;
};

void BuryForgotten(const repo::Repository& repository, const ForgetResult& result,
                   const ForgetOptions& options, const std::string& reason) {
  std::vector<std::vector<repo::BackupId>> staying;
  for (const ForgetSeries& series : result.series) {
    if (AnyForgotten(series)) staying.push_back(StayingGood(series));
  }
  if (options.dry_run || result.forgotten.empty()) return;
  Bury(repository.storage(), result.forgotten, staying,
       {.reason = reason, .even_last = options.even_last});
}

}  // namespace

ForgetResult ForgetByPolicy(const repo::Repository& repository, const std::string& source,
                            const PolicyOf& policy_of, const ForgetOptions& options) {
  repository.CheckMayWrite();
  const ExaminedStore store(repository);
  ForgetResult result;
  for (const std::string& name : SourcesOf(repository, source)) {
    const ExaminedSource examined = Examine(repository, store, name);
    result.unreadable.insert(result.unreadable.end(), examined.unreadable.begin(),
                             examined.unreadable.end());
    const std::size_t first = result.series.size();
    for (const auto& [key, series] : DivideIntoSeries(examined, policy_of)) {
      result.series.push_back(Judge(series, examined, {.now = store.now, .zone = options.zone}));
      RefuseIfWrong(result.series.back(), options);
    }
    RefuseIfTooMany(std::span(result.series).subspan(first), examined.backups.size(), options);
  }
  for (const ForgetSeries& series : result.series) {
    for (const ForgetVerdict& verdict : series.backups) {
      if (verdict.forgotten) result.forgotten.push_back(verdict.backup.id);
    }
  }
  BuryForgotten(repository, result, options, "policy");
  return result;
}

ForgetResult ForgetByName(const repo::Repository& repository,
                          const std::vector<repo::BackupId>& backups,
                          const ForgetOptions& options) {
  repository.CheckMayWrite();
  const ExaminedStore store(repository);
  const std::set<repo::BackupId> going(backups.begin(), backups.end());
  std::set<std::string> sources;
  for (const repo::BackupId& id : going) sources.insert(id.source);
  ForgetResult result;
  for (const std::string& name : sources) {
    const ExaminedSource examined = Examine(repository, store, name);
    const repo::Pins pins = repo::ListPins(repository.storage(), name);
    for (ForgetSeries& series : NamedCheck(examined, going, pins, options, store.now).Run()) {
      result.series.push_back(std::move(series));
    }
    for (const UnreadableBackup& unreadable : examined.unreadable) {
      if (!going.contains(unreadable.id)) continue;
      if (repo::IsPinned(pins, unreadable.id, store.now)) {
        throw Error(ErrorKind::kConflict,
                    fmt::format("backup {} is pinned", unreadable.id.ToString()),
                    {"nothing was forgotten; unpin it first"});
      }
      result.unreadable.push_back(unreadable);
    }
  }
  result.forgotten.assign(going.begin(), going.end());
  BuryForgotten(repository, result, options, "by name");
  return result;
}

}  // namespace holdfast::upkeep
