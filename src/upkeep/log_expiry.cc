#include "upkeep/log_expiry.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::upkeep {

namespace {

constexpr std::size_t kRemovedAtOnce = 10'000;
constexpr std::size_t kNamedAtMost = 20;

bool IsOf(const LogPlace& place, const ViewedSnapshot& snapshot) {
  return snapshot.log && snapshot.id.source == place.source && snapshot.log->system == place.system;
}

bool IsOf(const LogPlace& place, const repo::CondemnedLog& log) {
  return log.source == place.source && log.system == place.system;
}

std::string Name(const LogPlace& place) {
  return fmt::format("the WAL of cluster {} in the archive of {}", place.system, place.source);
}

}  // namespace

LogExpiry::LogExpiry(storage::Storage& storage, const RepositoryView& view, const PrunePlan& plan,
                     const PruneOptions& options)
    : storage_(storage), view_(view), plan_(plan) {
  for (const DueList& due : plan.due) due_.push_back(due.list);
  const LogScan scan = ScanLogs(storage);
  for (const auto& [place, log] : scan.logs) Add(place, log, options);
  for (const std::string& object : scan.unknown) {
    if (notes_.size() == kNamedAtMost) break;
    notes_.push_back(fmt::format("{} is not understood, and stays", object));
  }
}

void LogExpiry::Add(const LogPlace& place, const ScannedLog& log, const PruneOptions& options) {
  has_objects_[place] = !log.timelines.empty() || !log.segment_size;
  if (log.timelines.empty() && log.segment_size) return;
  if (!log.segment_size) {
    notes_.push_back(fmt::format(
        "{} stays: the size of its segments is not certain, so neither is where they lie",
        Name(place)));
    return;
  }
  if (HasBackupWithoutLog(place.source)) {
    notes_.push_back(
        fmt::format("{} stays: a backup does not say which WAL it needs", Name(place)));
    return;
  }
  const std::optional<std::uint32_t> known = KnownTimeline(place);
  if (!known) {
    notes_.push_back(fmt::format("{} stays: no backup tells of that cluster", Name(place)));
    return;
  }
  const auto window = options.log_windows.find(place.source);
  Rules rules{
      .segment_size = *log.segment_size,
      .now = {.source = place.source,
              .system = place.system,
              .known_timeline = *known,
              .needs = NeedsOf(UseOf(place, log), {.length = window == options.log_windows.end()
                                                                 ? std::nullopt
                                                                 : std::optional(window->second),
                                                   .now = view_.now})},
      .due = On(due_, place),
      .waiting = On(plan_.waiting, place)};
  Count(place, rules);
  rules_.emplace(place, std::move(rules));
}

// By snapshots that are there, also forgotten ones, and by lists, which outlive those.
std::optional<std::uint32_t> LogExpiry::KnownTimeline(const LogPlace& place) const {
  std::optional<std::uint32_t> known;
  const auto raise = [&](std::uint32_t timeline) {
    known = std::max(known.value_or(timeline), timeline);
  };
  for (const ViewedSnapshot& snapshot : view_.snapshots) {
    if (IsOf(place, snapshot)) raise(snapshot.log->timeline);
  }
  for (const ViewedList& list : view_.lists) {
    if (list.done) continue;
    for (const repo::CondemnedLog& log : list.list.logs) {
      if (IsOf(place, log)) raise(log.known_timeline);
    }
  }
  return known;
}

bool LogExpiry::HasBackupWithoutLog(const std::string& source) const {
  return std::ranges::any_of(view_.snapshots, [&](const ViewedSnapshot& snapshot) {
    return snapshot.kept() && snapshot.id.source == source && snapshot.kind == "cluster" &&
           !snapshot.log;
  });
}

LogUse LogExpiry::UseOf(const LogPlace& place, const ScannedLog& log) const {
  LogUse use{.backups = {}, .open = {}, .archived = log.timelines};
  for (const ViewedSnapshot& snapshot : view_.snapshots) {
    if (snapshot.kept() && IsOf(place, snapshot)) {
      use.backups.push_back({.log = *snapshot.log, .stored = snapshot.stored});
    }
  }
  // Also of leases that have expired: a backup that was suspended may go on.
  for (const repo::LeaseInfo& lease : view_.leases) {
    if (lease.log && lease.log->system == place.system) use.open.push_back(*lease.log);
  }
  return use;
}

std::vector<LogExpiry::Rules::Condemned> LogExpiry::On(const std::vector<std::size_t>& lists,
                                                       const LogPlace& place) const {
  std::vector<Rules::Condemned> condemned;
  for (const std::size_t list : lists) {
    for (const repo::CondemnedLog& log : view_.lists[list].list.logs) {
      // By the earlier of its two times: what it did not know of was put later.
      if (IsOf(place, log)) {
        condemned.push_back({.log = &log, .put = view_.lists[list].list.created});
      }
    }
  }
  return condemned;
}

LogExpiry::Fate LogExpiry::FateOf(const Rules& rules, const SegmentObject& object) {
  if (IsNeeded(rules.now, object.timeline, object.start, object.end)) return Fate::kKept;
  const auto is_on = [&](const Rules::Condemned& condemned) {
    return object.modified < condemned.put &&
           !IsNeeded(*condemned.log, object.timeline, object.start, object.end);
  };
  if (std::ranges::any_of(rules.due, is_on)) return Fate::kRemoved;
  return std::ranges::any_of(rules.waiting, is_on) ? Fate::kWaiting : Fate::kUnneeded;
}

void LogExpiry::Count(const LogPlace& place, const Rules& rules) {
  std::map<std::uint32_t, PrunedLog> by_timeline;
  bool any_unneeded = false;
  ForEachSegmentObject(storage_, place, rules.segment_size, [&](const SegmentObject& object) {
    PrunedLog& log = by_timeline[object.timeline];
    switch (FateOf(rules, object)) {
      case Fate::kKept:
        return log.kept.Add(object.size);
      case Fate::kRemoved:
        return log.removed.Add(object.size);
      case Fate::kWaiting:
        return log.waiting.Add(object.size);
      case Fate::kUnneeded:
        any_unneeded = true;
        return (plan_.may_condemn ? log.condemned : log.waiting).Add(object.size);
    }
  });
  for (auto& [timeline, log] : by_timeline) {
    log.place = place;
    log.timeline = timeline;
    pruned_.push_back(std::move(log));
  }
  if (any_unneeded && plan_.may_condemn) condemned_.push_back(rules.now);
}

bool LogExpiry::IsLastToTellOf(const ViewedSnapshot& snapshot) const {
  if (!snapshot.log) return false;
  const LogPlace place{.source = snapshot.id.source, .system = snapshot.log->system};
  const auto objects = has_objects_.find(place);
  if (objects == has_objects_.end() || !objects->second) return false;
  return std::ranges::none_of(view_.snapshots, [&](const ViewedSnapshot& other) {
    return other.kept() && IsOf(place, other);
  });
}

Removal LogExpiry::Execute(int jobs, const std::stop_token& stop) {
  Removal removal;
  std::vector<std::string> names;
  const auto flush = [&] {
    removal.Add(RemoveObjects(
        storage_, names.size(), [&](std::size_t n) { return names[n]; }, jobs, stop));
    names.clear();
  };
  for (const auto& [place, rules] : rules_) {
    if (rules.due.empty()) continue;
    ForEachSegmentObject(storage_, place, rules.segment_size,
                         [&, &log = rules](const SegmentObject& object) {
                           if (FateOf(log, object) != Fate::kRemoved) return;
                           names.push_back(object.name);
                           if (names.size() == kRemovedAtOnce) flush();
                         });
    flush();
  }
  return removal;
}

}  // namespace holdfast::upkeep
