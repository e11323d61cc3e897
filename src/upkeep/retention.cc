#include "upkeep/retention.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/calendar.h"
#include "base/time_text.h"

namespace holdfast::upkeep {

namespace {

// Clocks of hosts and store differ a little without being wrong.
constexpr base::Duration kToleratedSkew = std::chrono::hours(1);

// A backup is put when it is done, so the store's time bounds what its host says; what was copied
// into another repository keeps its host's time.
base::Time TimeOf(const RetainedBackup& backup) { return std::min(backup.started, backup.stored); }

class Selection {
 public:
  Selection(std::vector<RetainedBackup> backups, const RetentionPolicy& policy,
            const RetentionTime& time)
      : backups_(std::move(backups)), policy_(policy), time_(time) {
    std::ranges::sort(backups_, std::ranges::greater(), [](const RetainedBackup& backup) {
      return std::tuple(backup.sequence, backup.started, backup.id);
    });
    kept_by_.resize(backups_.size());
  }

  std::vector<RetentionVerdict> Run() {
    KeepAlways();
    ApplyRules(Places([](const RetainedBackup& backup) { return backup.good; }),
               [](const RetainedBackup&) { return true; });
    ApplyRules(Places([](const RetainedBackup&) { return true; }),
               [](const RetainedBackup& backup) { return !backup.good; });
    std::vector<RetentionVerdict> verdicts;
    for (std::size_t i = 0; i < backups_.size(); ++i) {
      verdicts.push_back({.id = backups_[i].id, .kept_by = std::move(kept_by_[i])});
    }
    return verdicts;
  }

 private:
  bool InFuture(const RetainedBackup& backup) const {
    return TimeOf(backup) > time_.now + kToleratedSkew;
  }

  // Those that take part in counting, newest first.
  template <typename Wanted>
  std::vector<std::size_t> Places(Wanted wanted) const {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < backups_.size(); ++i) {
      if (!InFuture(backups_[i]) && wanted(backups_[i])) places.push_back(i);
    }
    return places;
  }

  void KeepAlways() {
    const auto good = Places([](const RetainedBackup& backup) { return backup.good; });
    const auto leading =
        Places([](const RetainedBackup& backup) { return backup.good && backup.leads_to_present; });
    if (!good.empty()) kept_by_[good.front()].emplace_back("newest good backup");
    if (!leading.empty() && leading.front() != good.front()) {
      kept_by_[leading.front()].emplace_back(
          "newest good backup that leads to the present timeline");
    }
    for (std::size_t i = 0; i < backups_.size(); ++i) {
      if (backups_[i].pinned) kept_by_[i].emplace_back("pinned");
      if (InFuture(backups_[i])) kept_by_[i].emplace_back("its time lies in the future");
      if (!backups_[i].good && (good.empty() || i < good.front())) {
        kept_by_[i].emplace_back("not good, but nothing good is newer");
      }
    }
  }

  template <typename Takes>
  void ApplyRules(const std::vector<std::size_t>& places, Takes takes) {
    const auto keep = [&](std::size_t place, std::string_view rule) {
      if (takes(backups_[place])) kept_by_[place].emplace_back(rule);
    };
    for (std::size_t i = 0; i < places.size() && i < policy_.last; ++i) keep(places[i], "last");
    std::uint32_t fulls = 0;
    for (auto place = places.begin(); place != places.end() && fulls < policy_.fulls; ++place) {
      keep(*place, "fulls");
      if (backups_[*place].full) ++fulls;
    }
    const auto periods = [&](std::string_view rule, std::uint32_t count, auto member) {
      std::set<std::int64_t> seen;
      for (const std::size_t place : places) {
        const std::int64_t period =
            base::PlaceOnCalendar(TimeOf(backups_[place]), time_.zone).*member;
        if (seen.contains(period)) continue;
        if (seen.size() >= count) return;
        seen.insert(period);
        keep(place, rule);
      }
    };
    periods("hours", policy_.hours, &base::CalendarPlace::hour);
    periods("days", policy_.days, &base::CalendarPlace::day);
    periods("weeks", policy_.weeks, &base::CalendarPlace::week);
    periods("months", policy_.months, &base::CalendarPlace::month);
    periods("years", policy_.years, &base::CalendarPlace::year);
    if (places.empty() || policy_.within <= base::Duration(0)) return;
    // On the store's clock alone: a host's that was wrong makes nothing old.
    const auto stored = [&](std::size_t place) {
      return std::min(backups_[place].stored, time_.now);
    };
    const base::Time oldest = stored(places.front()) - policy_.within;
    for (const std::size_t place : places) {
      if (stored(place) >= oldest) keep(place, "within");
    }
  }

  std::vector<RetainedBackup> backups_;
  const RetentionPolicy& policy_;
  const RetentionTime& time_;
  std::vector<std::vector<std::string>> kept_by_;
};

}  // namespace

bool KeepsAnything(const RetentionPolicy& policy) {
  return policy.last > 0 || policy.hours > 0 || policy.days > 0 || policy.weeks > 0 ||
         policy.months > 0 || policy.years > 0 || policy.fulls > 0 ||
         policy.within > base::Duration(0);
}

std::string ToText(const RetentionPolicy& policy) {
  std::vector<std::string> rules;
  const auto add = [&](std::string_view rule, std::uint32_t count) {
    if (count > 0) rules.push_back(fmt::format("{} {}", rule, count));
  };
  add("last", policy.last);
  add("hours", policy.hours);
  add("days", policy.days);
  add("weeks", policy.weeks);
  add("months", policy.months);
  add("years", policy.years);
  add("fulls", policy.fulls);
  if (policy.within > base::Duration(0)) {
    rules.push_back(fmt::format("within {}", base::FormatDuration(policy.within)));
  }
  return rules.empty() ? "nothing" : fmt::format("{}", fmt::join(rules, ", "));
}

std::vector<RetentionVerdict> SelectExpired(std::vector<RetainedBackup> backups,
                                            const RetentionPolicy& policy,
                                            const RetentionTime& time) {
  return Selection(std::move(backups), policy, time).Run();
}

}  // namespace holdfast::upkeep
