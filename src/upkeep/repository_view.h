// Everything in a repository that prune goes by, read without a key and in the order that
// docs/format/protocol.md demands.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repo/condemned.h"
#include "repo/lease.h"
#include "repo/pin.h"
#include "repo/snapshot.h"
#include "storage/storage.h"
#include "upkeep/pack_listing.h"

namespace holdfast::upkeep {

struct ViewedList {
  std::string object;
  repo::CondemnedList list;
  base::Time put;                  // the later of what it says and what the store says
  std::optional<base::Time> done;  // when it was executed; empty: not yet
};

struct ViewedSnapshot {
  repo::BackupId id;
  base::Time stored;
  // Empty when the record cannot be read, which only one that nobody keeps may be.
  std::string kind;
  std::optional<repo::LogRange> log;
  std::optional<base::Time> dead_since;  // tombstoned or withdrawn
  bool withdrawn = false;                // and not tombstoned
  // Why its packs are needed, in words; empty: they are not.
  std::string kept_by;
  bool kept() const { return !kept_by.empty(); }
};

// A backup that is kept needs a pack that is not there.
struct MissingPack {
  repo::BackupId backup;
  repo::ShortPackId pack;
};

struct RepositoryView {
  base::Time now;  // the store's, before anything was read
  std::vector<ViewedList> lists;
  std::vector<std::string> stray_marks;  // under prune/, of lists that are gone
  std::vector<repo::LeaseInfo> leases;
  repo::Pins pins;
  std::vector<ViewedSnapshot> snapshots;       // ascending by id
  std::vector<repo::BackupId> stray_marks_of;  // tombstones and withdrawals without a snapshot
  std::vector<ListedPack> packs;               // ascending by id
  // By place in `packs`: a snapshot that is kept needs it. All are, while one that is being made
  // whole has no record.
  std::vector<bool> needed;
  // By place: one that was forgotten less than a grace ago needs it. It may be condemned, but not
  // be deleted by a list that somebody put before.
  std::vector<bool> needed_lately;
  std::vector<MissingPack> missing;
  std::vector<std::string> idle_damage_marks;  // objects: of packs that are gone
};

// Error(kCorrupt), Error(kUsage) naming the first list, lease or kept snapshot that cannot be read:
// what it needs is unknown. `grace` as kGrace. `jobs` snapshots are read at a time, each held in
// memory whole.
RepositoryView ReadView(storage::Storage& storage, base::Duration grace, int jobs,
                        const std::stop_token& stop);

}  // namespace holdfast::upkeep
