#include "upkeep/repository_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/workers.h"
#include "repo/damage_mark.h"
#include "repo/snapshot_codec.h"
#include "repo/withdrawal.h"
#include "upkeep/tombstone.h"

namespace holdfast::upkeep {

namespace {

using base::Error;
using base::ErrorKind;

// Lists before all else: one that is due now was put long before anything below is looked at.
void ReadLists(storage::Storage& storage, RepositoryView& view) {
  std::map<std::string, base::Time> done;
  for (const storage::ObjectInfo& object : storage::ListAll(storage, repo::kPrunePrefix)) {
    if (object.name.ends_with(repo::kDoneSuffix)) {
      done[object.name.substr(0, object.name.size() - repo::kDoneSuffix.size())] = object.modified;
      continue;
    }
    const std::optional<base::Bytes> contents = storage.Get(object.name);
    if (!contents) continue;  // another prune removed it
    repo::CondemnedList list = repo::ParseCondemnedList(object.name, *contents);
    const base::Time put = std::max(list.created, object.modified);
    view.lists.push_back(
        {.object = object.name, .list = std::move(list), .put = put, .done = std::nullopt});
  }
  for (ViewedList& list : view.lists) {
    const auto mark = done.find(list.object);
    if (mark == done.end()) continue;
    list.done = mark->second;
    done.erase(mark);
  }
  for (const auto& [list, time] : done) view.stray_marks.push_back(repo::ExecutedMarkObject(list));
}

struct Marks {
  std::optional<base::Time> tombstone;
  std::optional<base::Time> withdrawal;
};

// Snapshots and the marks beside them, from one listing.
struct SnapshotNames {
  std::map<repo::BackupId, base::Time> snapshots;
  std::map<repo::BackupId, Marks> marks;
};

SnapshotNames ListSnapshots(storage::Storage& storage) {
  SnapshotNames names;
  storage.List(repo::kSnapshotsPrefix, {}, [&](const storage::ObjectInfo& object) {
    const auto name = repo::ParseSnapshotName(object.name);
    if (!name) return;
    switch (name->what) {
      case repo::SnapshotName::What::kSnapshot:
        names.snapshots[name->id] = object.modified;
        break;
      case repo::SnapshotName::What::kTombstone:
        names.marks[name->id].tombstone = object.modified;
        break;
      case repo::SnapshotName::What::kWithdrawal:
        names.marks[name->id].withdrawal = object.modified;
        break;
    }
  });
  return names;
}

std::set<repo::BackupId> LeasedBackups(const RepositoryView& view) {
  std::set<repo::BackupId> leased;
  for (const repo::LeaseInfo& lease : view.leases) {
    if (!repo::IsExpired(lease, view.now)) leased.insert(lease.pins.begin(), lease.pins.end());
  }
  return leased;
}

void NoteMarks(storage::Storage& storage, const Marks& marks, ViewedSnapshot& snapshot) {
  snapshot.dead_since = marks.tombstone;
  if (marks.tombstone || !marks.withdrawal) return;
  snapshot.withdrawn = repo::IsWithdrawn(storage, snapshot.id);
  if (snapshot.withdrawn) snapshot.dead_since = marks.withdrawal;
}

void ListRoots(storage::Storage& storage, RepositoryView& view) {
  const SnapshotNames names = ListSnapshots(storage);
  const std::set<repo::BackupId> leased = LeasedBackups(view);
  for (const auto& [id, stored] : names.snapshots) {
    ViewedSnapshot snapshot{
        .id = id, .stored = stored, .kind = {}, .log = {}, .dead_since = {}, .kept_by = {}};
    const auto marks = names.marks.find(id);
    if (marks != names.marks.end()) NoteMarks(storage, marks->second, snapshot);
    if (!snapshot.dead_since) {
      snapshot.kept_by = "it was not forgotten";
    } else if (repo::IsPinned(view.pins, id, view.now)) {
      snapshot.kept_by = "it is pinned";
    } else if (leased.contains(id)) {
      snapshot.kept_by = "a running backup or restore needs it";
    }
    view.snapshots.push_back(std::move(snapshot));
  }
  for (const auto& [id, marks] : names.marks) {
    if (!names.snapshots.contains(id)) view.stray_marks_of.push_back(id);
  }
}

// Both lists ascend.
void MarkNeeded(const ViewedSnapshot& snapshot, const std::vector<repo::ShortPackId>& packs,
                RepositoryView& view) {
  std::vector<bool>& needed = snapshot.kept() ? view.needed : view.needed_lately;
  auto listed = view.packs.begin();
  for (const repo::ShortPackId& pack : packs) {
    while (listed != view.packs.end() && repo::ShortPackId::Of(listed->id) < pack) ++listed;
    if (listed != view.packs.end() && repo::ShortPackId::Of(listed->id) == pack) {
      needed[static_cast<std::size_t>(listed - view.packs.begin())] = true;
    } else if (snapshot.kept()) {
      view.missing.push_back({.backup = snapshot.id, .pack = pack});
    }
  }
}

[[noreturn]] void StopAt(const repo::BackupId& id, const Error& error) {
  Error stop(error.kind(), error.message(), error.hints());
  stop.AddContext("what one of the backups needs cannot be read, so nothing was deleted");
  stop.AddHint(fmt::format("if it is beyond repair, forget it by its name: holdfast forget {}",
                           id.ToString()));
  throw stop;
}

class SnapshotReader {
 public:
  SnapshotReader(storage::Storage& storage, base::Duration grace, RepositoryView& view)
      : storage_(storage), grace_(grace), view_(view), gone_(view.snapshots.size()) {}

  void ReadAll(int jobs, const std::stop_token& stop) {
    base::Workers workers(stop);
    std::atomic<std::size_t> next = 0;
    for (int i = 0; i < std::max(jobs, 1); ++i) {
      workers.Start([&](const std::stop_token& stopping) {
        for (std::size_t n = next++; n < view_.snapshots.size(); n = next++) {
          base::ThrowIfStopped(stopping);
          Read(n);
        }
      });
    }
    workers.Join();
    base::ThrowIfStopped(stop);
    std::vector<ViewedSnapshot> there;
    for (std::size_t n = 0; n < gone_.size(); ++n) {
      if (gone_[n] == 0) there.push_back(std::move(view_.snapshots[n]));
    }
    view_.snapshots = std::move(there);
  }

  // The packs of one that turned out to be kept.
  void ReadPacks(const ViewedSnapshot& snapshot) {
    const std::optional<base::Bytes> object = storage_.Get(repo::SnapshotObject(snapshot.id));
    try {
      if (object) MarkNeeded(snapshot, repo::ParsePackList(snapshot.id, *object), view_);
    } catch (const Error& error) {
      StopAt(snapshot.id, error);
    }
  }

 private:
  void Read(std::size_t place) {
    ViewedSnapshot& snapshot = view_.snapshots[place];
    try {
      // Another prune removes what is tombstoned; its tombstone may have gone while the listing
      // went from one to the other.
      const bool whole = snapshot.kept() || IsForgottenLately(snapshot);
      if (!(whole ? ReadWhole(snapshot) : ReadHead(snapshot))) gone_[place] = 1;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kCorrupt && error.kind() != ErrorKind::kUsage) throw;
      if (snapshot.kept()) StopAt(snapshot.id, error);
    }
  }

  // Its tombstone may be younger than our look at the leases, of which one may pin it.
  bool IsForgottenLately(const ViewedSnapshot& snapshot) const {
    return snapshot.dead_since && !snapshot.withdrawn && view_.now - *snapshot.dead_since < grace_;
  }

  bool ReadWhole(ViewedSnapshot& snapshot) {
    const std::optional<base::Bytes> object = storage_.Get(repo::SnapshotObject(snapshot.id));
    if (!object) return false;
    const std::vector<repo::ShortPackId> packs = repo::ParsePackList(snapshot.id, *object);
    const repo::SnapshotHeadOrNeed parsed = repo::ParseSnapshotHead(snapshot.id, *object);
    snapshot.kind = parsed.head->plain.kind;
    snapshot.log = parsed.head->plain.log;
    const std::scoped_lock lock(mutex_);
    MarkNeeded(snapshot, packs, view_);
    return true;
  }

  bool ReadHead(ViewedSnapshot& snapshot) {
    try {
      repo::PlainSnapshot plain = repo::ReadPlainSnapshot(storage_, snapshot.id);
      snapshot.kind = std::move(plain.kind);
      snapshot.log = plain.log;
      return true;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kNotFound) return false;
      throw;
    }
  }

  storage::Storage& storage_;
  const base::Duration grace_;
  RepositoryView& view_;
  std::vector<char> gone_;  // by place; written by one thread each
  std::mutex mutex_;        // guards `needed`, `needed_lately` and `missing` of the view
};

// Two who each forget the other's last backup, or tombstones that nobody meant, must not empty a
// source: of a source and kind that would have nothing left, the newest stays.
void KeepLast(storage::Storage& storage, RepositoryView& view, SnapshotReader& reader) {
  std::map<std::pair<std::string, std::string>, ViewedSnapshot*> newest;
  std::set<std::pair<std::string, std::string>> safe;
  for (ViewedSnapshot& snapshot : view.snapshots) {
    const std::pair series(snapshot.id.source, snapshot.kind);
    if (snapshot.kept()) safe.insert(series);
    if (snapshot.kept() || snapshot.kind.empty() || snapshot.withdrawn) continue;
    ViewedSnapshot*& best = newest[series];
    if (best == nullptr ||
        std::tuple(best->stored, best->id) < std::tuple(snapshot.stored, snapshot.id)) {
      best = &snapshot;
    }
  }
  for (const auto& [series, snapshot] : newest) {
    if (safe.contains(series)) continue;
    const auto tombstone = storage.Get(repo::TombstoneObject(snapshot->id));
    if (tombstone && IsMeantAsLast(*tombstone)) continue;
    snapshot->kept_by = "it is the last of its source, and no tombstone says that this was meant";
    reader.ReadPacks(*snapshot);
  }
}

// A backup that gives way to itself made whole has for a moment no record, and what it needs is
// unknown: of both, since the old record is put back where the new one fails.
bool IsAnyBeingReplaced(const RepositoryView& view) {
  return std::ranges::any_of(view.leases, [&](const repo::LeaseInfo& lease) {
    return !repo::IsExpired(lease, view.now) && lease.backup &&
           std::ranges::find(lease.pins, *lease.backup) != lease.pins.end() &&
           std::ranges::find(view.snapshots, *lease.backup, &ViewedSnapshot::id) ==
               view.snapshots.end();
  });
}

// A listing may miss what comes meanwhile: before a pack is called missing it is asked for alone.
void ConfirmMissing(storage::Storage& storage, RepositoryView& view) {
  std::map<repo::ShortPackId, bool> there;
  std::erase_if(view.missing, [&](const MissingPack& missing) {
    const auto [known, is_new] = there.try_emplace(missing.pack, false);
    if (is_new) known->second = IsThere(storage, missing.pack);
    return known->second;
  });
}

std::vector<std::string> DamageMarks(storage::Storage& storage) {
  std::vector<std::string> marks;
  storage.List(repo::kDamagedPrefix, {},
               [&](const storage::ObjectInfo& object) { marks.push_back(object.name); });
  return marks;
}

// Of `marks`, listed before the packs: a mark is put only for a pack that is there.
void FindIdleMarks(storage::Storage& storage, std::vector<std::string> marks,
                   RepositoryView& view) {
  std::erase_if(marks, [&](const std::string& mark) {
    const std::optional<repo::ShortPackId> pack = repo::ParseDamageMark(mark);
    return !pack || IsThere(storage, *pack);
  });
  view.idle_damage_marks = std::move(marks);
}

}  // namespace

RepositoryView ReadView(storage::Storage& storage, base::Duration grace, int jobs,
                        const std::stop_token& stop) {
  RepositoryView view;
  view.now = storage.StoreTime();
  ReadLists(storage, view);
  // Leases before snapshots: a writer commits before it removes its lease.
  view.leases = repo::ListLeases(storage);
  view.pins = repo::ListPins(storage);
  ListRoots(storage, view);
  std::vector<std::string> damage_marks = DamageMarks(storage);
  // Packs after snapshots: those of a backup are put before it.
  view.packs = PackListing(storage).packs();
  view.needed.resize(view.packs.size());
  view.needed_lately.resize(view.packs.size());
  SnapshotReader reader(storage, grace, view);
  reader.ReadAll(jobs, stop);
  KeepLast(storage, view, reader);
  if (IsAnyBeingReplaced(view)) view.needed.assign(view.packs.size(), true);
  ConfirmMissing(storage, view);
  FindIdleMarks(storage, std::move(damage_marks), view);
  return view;
}

}  // namespace holdfast::upkeep
