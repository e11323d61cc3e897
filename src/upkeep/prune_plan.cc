#include "upkeep/prune_plan.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "repo/protocol_times.h"

namespace holdfast::upkeep {

namespace {

// Clocks of a store's machines differ by seconds: what was put about when a backup began may be its
// own.
constexpr base::Duration kSlack = std::chrono::hours(1);

// Four lists a day are plenty, and every writer reads all that are kept.
constexpr int kListsPerGrace = 4;

// A lease that is this old holds nothing: its backup can no longer commit, and what it says of a
// log has lost its meaning.
base::Duration LifeOf(const repo::LeaseInfo& lease) {
  const bool lasting = IsWriter(lease) || lease.log;
  return lasting ? repo::kLongestBackup + repo::kLeaseLifetime : repo::kLeaseLifetime;
}

class Planner {
 public:
  Planner(const RepositoryView& view, base::Duration grace) : view_(view), grace_(grace) {}

  PrunePlan Run(const std::vector<storage::ObjectInfo>& lease_objects) {
    std::vector<bool> listed(view_.packs.size());
    for (std::size_t i = 0; i < view_.lists.size(); ++i) {
      const ViewedList& list = view_.lists[i];
      if (list.done) continue;
      const bool is_due = Age(list.put) >= grace_;
      if (is_due) plan_.due.push_back({.list = i, .deleted = {}, .spared = {}});
      if (!is_due) Wait(i);
      ForEachListed(list.list.packs, [&](std::uint32_t place) { listed[place] = true; });
    }
    DivideDue();
    FindWaiting();
    Condemn(listed);
    ChooseSnapshots();
    ChooseLeases(lease_objects);
    ChoosePins();
    ChooseLists();
    return std::move(plan_);
  }

 private:
  base::Duration Age(base::Time time) const { return view_.now - time; }

  // Of those on the list that are there; both ascend, or the list is sorted first.
  template <typename Visit>
  void ForEachListed(std::vector<repo::ShortPackId> packs, Visit visit) const {
    std::ranges::sort(packs);
    auto pack = packs.begin();
    for (std::uint32_t place = 0; place < view_.packs.size() && pack != packs.end(); ++place) {
      const auto id = repo::ShortPackId::Of(view_.packs[place].id);
      while (pack != packs.end() && *pack < id) ++pack;
      if (pack != packs.end() && *pack == id) visit(place);
    }
  }

  void Wait(std::size_t list) {
    plan_.waiting.push_back(list);
    const base::Time due = view_.lists[list].put + grace_;
    plan_.next_due = plan_.next_due ? std::min(*plan_.next_due, due) : due;
  }

  void DivideDue() {
    deleted_.resize(view_.packs.size());
    for (DueList& due : plan_.due) {
      ForEachListed(view_.lists[due.list].list.packs, [&](std::uint32_t place) {
        if (view_.needed[place] || view_.needed_lately[place]) {
          due.spared.push_back(repo::ShortPackId::Of(view_.packs[place].id));
        } else {
          due.deleted.push_back(place);
          deleted_[place] = true;
        }
      });
    }
  }

  void FindWaiting() {
    std::set<std::uint32_t> waiting;
    for (const std::size_t list : plan_.waiting) {
      ForEachListed(view_.lists[list].list.packs, [&](std::uint32_t place) {
        if (!deleted_[place] && !view_.needed[place]) waiting.insert(place);
      });
    }
    plan_.waiting_packs.assign(waiting.begin(), waiting.end());
  }

  // The beginning of the longest running backup: what was put since may be its own.
  base::Time OldestWriter() const {
    base::Time oldest = base::Time::max();
    for (const repo::LeaseInfo& lease : view_.leases) {
      if (IsWriter(lease) && !repo::IsExpired(lease, view_.now)) {
        oldest = std::min(oldest, lease.started - kSlack);
      }
    }
    return oldest;
  }

  void Condemn(const std::vector<bool>& listed) {
    plan_.may_condemn = std::ranges::none_of(view_.lists, [&](const ViewedList& list) {
      return Age(list.put) < grace_ / kListsPerGrace;
    });
    if (!plan_.may_condemn) return;
    const base::Time oldest_writer = OldestWriter();
    for (std::uint32_t place = 0; place < view_.packs.size(); ++place) {
      const base::Time put = view_.packs[place].modified;
      if (view_.needed[place] || listed[place] || Age(put) < grace_ || put >= oldest_writer)
        continue;
      plan_.condemned.push_back(place);
    }
  }

  void ChooseSnapshots() {
    for (const ViewedSnapshot& snapshot : view_.snapshots) {
      if (snapshot.kept() || Age(*snapshot.dead_since) < grace_) continue;
      plan_.snapshots.push_back(&snapshot);
    }
  }

  void ChooseLeases(const std::vector<storage::ObjectInfo>& objects) {
    for (const repo::LeaseInfo& lease : view_.leases) {
      if (Age(lease.heartbeat) <= LifeOf(lease)) continue;
      // Older numbers of the same holder, too, that a crash in the middle of a renewal left.
      const std::string folder = lease.object.substr(0, lease.object.rfind('/') + 1);
      for (const storage::ObjectInfo& object : objects) {
        if (object.name.starts_with(folder) && object.modified <= lease.heartbeat) {
          plan_.leases.push_back(object.name);
        }
      }
    }
  }

  void ChoosePins() {
    std::set<repo::BackupId> there;
    for (const ViewedSnapshot& snapshot : view_.snapshots) there.insert(snapshot.id);
    for (const auto& [id, pins] : view_.pins) {
      for (const repo::Pin& pin : pins) {
        // A backup that runs may be pinned already.
        const bool orphaned =
            !there.contains(id) && Age(pin.created) > repo::kLongestBackup + repo::kLeaseLifetime;
        if (repo::IsOver(pin, view_.now) || orphaned) plan_.pins.push_back(pin.object);
      }
    }
  }

  void ChooseLists() {
    for (const ViewedList& list : view_.lists) {
      if (!list.done) continue;
      bool any_left = false;
      ForEachListed(list.list.packs, [&](std::uint32_t) { any_left = true; });
      const bool rested = Age(*list.done) >= repo::kListRetention;
      if (any_left || (!rested && !list.list.packs.empty())) continue;
      plan_.lists.push_back(list.object);
      plan_.lists.push_back(repo::ExecutedMarkObject(list.object));
    }
    plan_.lists.insert(plan_.lists.end(), view_.stray_marks.begin(), view_.stray_marks.end());
  }

  const RepositoryView& view_;
  const base::Duration grace_;
  PrunePlan plan_;
  std::vector<bool> deleted_;  // by place: on a list that is due, and not needed
};

}  // namespace

bool IsWriter(const repo::LeaseInfo& lease) {
  return lease.kind != "restore" && lease.kind != "verify" && lease.kind != "check";
}

PrunePlan MakePlan(const RepositoryView& view, base::Duration grace,
                   const std::vector<storage::ObjectInfo>& lease_objects) {
  return Planner(view, grace).Run(lease_objects);
}

}  // namespace holdfast::upkeep
