// What is true of a repository on which a schedule runs, and what must be: no backup that counts
// lacks a pack, and nobody who holds a backup loses one of it (docs/format/protocol.md).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/hash.h"
#include "repo/ids.h"
#include "upkeep/testing/schedule.h"

namespace holdfast::upkeep {

// What holds in a schedule.
struct Rules {
  // How old a listing, or the news that an object is absent, may be.
  base::Duration staleness{};
  // Does the store's clock go evenly? Else only those claims hold in which no clock is.
  bool even_clock = true;
};

struct Counts {
  std::uint64_t calls = 0;
  std::uint64_t commits = 0;
  std::uint64_t withdrawals = 0;  // commits that failed after the snapshot was there
  std::uint64_t crashes = 0;
  std::uint64_t packs_removed = 0;
  std::uint64_t prunes = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t holds = 0;
  std::uint64_t lapses = 0;     // of holds: their leases were not renewed in time
  std::uint64_t leftovers = 0;  // published without a pack, by writers that died at the one moment
  void Add(const Counts& other);
};

// Told of all that happens, in the order in which it does.
class Ledger {
 public:
  using Actor = Schedule::Actor;
  Ledger(Rules rules, const base::Clock& store, const base::Clock& truth)
      : rules_(rules), store_(store), truth_(truth) {}

  void Stored(Actor actor, const std::string& name, base::ByteView contents);
  void Removed(Actor actor, const std::string& name);
  // The actor is about to be shown the condemned lists.
  void LooksAtLists(Actor actor) { looked_[actor] = truth_.Now(); }

  // How what the actor did ended, well or not: what it published or took back counts from now on.
  void Committed(Actor actor, const repo::BackupId& id);
  void Ended(Actor actor);
  void Died(Actor actor);

  // From now on the actor counts on the backup, by the lease that it put last, or by a pin.
  void HoldByLease(Actor actor, const repo::BackupId& id);
  void HoldByPin(Actor actor, const repo::BackupId& id);
  void LetGo(Actor actor) { holds_.erase(actor); }

  // What must not have been, in order.
  const std::vector<std::string>& violations() const { return violations_; }
  Counts counts;

 private:
  enum class Fate { kUnknown, kCounts, kDied };
  struct Backup {
    Actor writer = 0;
    std::set<repo::ShortPackId> packs;
    std::optional<codec::Digest> withdrawal;
    base::Duration unwatched{};  // from the last look at the lists to the put
    Fate fate = Fate::kUnknown;
    bool committed = false;
    bool listed = true;
    bool withdrawn = false;
    std::optional<base::Time> forgotten;  // on the store's clock
    // Who took its tombstone back, and has not yet looked whether it is whole; how late it was.
    std::optional<Actor> taking_back;
    base::Duration taken_back_after{};
    bool died_taking_back = false;
    bool counted_as_leftover = false;
  };
  struct Hold {
    repo::BackupId id;
    bool by_lease = false;
    bool lapsed = false;
  };

  void StoredSnapshotObject(Actor actor, const std::string& name, base::ByteView contents);
  void RemovedSnapshotObject(Actor actor, const std::string& name);
  void RemovedPack(const repo::ShortPackId& pack);
  void End(Actor actor, Fate fate);
  // Of a backup that may lack a pack.
  void Judge(const repo::BackupId& id, Backup& backup);
  bool IsExcused(const Backup& backup) const;
  void JudgeHold(Actor actor, Hold& hold, const repo::ShortPackId& pack);
  void NoteHeartbeat(Actor actor);
  base::Duration LeaseLifetime() const;
  void Violate(std::string what);

  const Rules rules_;
  const base::Clock& store_;
  const base::Clock& truth_;
  std::set<repo::ShortPackId> packs_;
  std::map<repo::BackupId, Backup> backups_;
  std::map<Actor, Hold> holds_;
  std::map<Actor, base::Time> heartbeats_;  // on the store's clock
  std::map<Actor, base::Time> looked_;
  std::vector<std::string> violations_;
};

}  // namespace holdfast::upkeep
