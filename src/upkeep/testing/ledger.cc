#include "upkeep/testing/ledger.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time_text.h"
#include "repo/protocol_times.h"
#include "repo/snapshot.h"
#include "repo/snapshot_codec.h"

namespace holdfast::upkeep {

namespace {

std::optional<repo::ShortPackId> PackNamed(const std::string& name) {
  if (!name.starts_with(repo::kPacksPrefix)) return std::nullopt;
  return repo::ShortPackId::Of(repo::PackId::FromHex(name.substr(name.rfind('/') + 1)));
}

}  // namespace

void Counts::Add(const Counts& other) {
  calls += other.calls;
  commits += other.commits;
  withdrawals += other.withdrawals;
  crashes += other.crashes;
  packs_removed += other.packs_removed;
  prunes += other.prunes;
  forgotten += other.forgotten;
  holds += other.holds;
  lapses += other.lapses;
  leftovers += other.leftovers;
}

void Ledger::Stored(Actor actor, const std::string& name, base::ByteView contents) {
  if (const auto pack = PackNamed(name)) packs_.insert(*pack);
  if (name.starts_with(repo::kSnapshotsPrefix)) StoredSnapshotObject(actor, name, contents);
  if (name.starts_with(repo::kLeasesPrefix)) NoteHeartbeat(actor);
}

void Ledger::StoredSnapshotObject(Actor actor, const std::string& name, base::ByteView contents) {
  const auto parsed = repo::ParseSnapshotName(name);
  Backup& backup = backups_[parsed->id];
  switch (parsed->what) {
    case repo::SnapshotName::What::kSnapshot: {
      const auto packs =
          repo::ParsePackList(parsed->id, base::Bytes(contents.begin(), contents.end()));
      backup.writer = actor;
      backup.packs = {packs.begin(), packs.end()};
      backup.withdrawal = repo::ParseSnapshotHead(parsed->id, contents).head->plain.withdrawal;
      backup.unwatched = truth_.Now() - looked_[actor];
      break;
    }
    case repo::SnapshotName::What::kTombstone:
      backup.forgotten = store_.Now();
      backup.taking_back.reset();
      ++counts.forgotten;
      break;
    case repo::SnapshotName::What::kWithdrawal:
      backup.withdrawn = backup.withdrawal == codec::Sha256(contents);
      if (backup.withdrawn) ++counts.withdrawals;
      break;
  }
}

void Ledger::Removed(Actor actor, const std::string& name) {
  if (const auto pack = PackNamed(name)) RemovedPack(*pack);
  // The writer has looked for the last time.
  if (name.starts_with(repo::kLeasesPrefix)) End(actor, Fate::kCounts);
  if (name.starts_with(repo::kSnapshotsPrefix)) RemovedSnapshotObject(actor, name);
}

void Ledger::RemovedSnapshotObject(Actor actor, const std::string& name) {
  const auto parsed = repo::ParseSnapshotName(name);
  Backup& backup = backups_[parsed->id];
  if (parsed->what == repo::SnapshotName::What::kSnapshot) backup.listed = false;
  // It outlives its snapshot, of which a stale listing may still tell.
  if (parsed->what == repo::SnapshotName::What::kWithdrawal && backup.listed) {
    backup.withdrawn = false;
  }
  if (parsed->what == repo::SnapshotName::What::kTombstone) {
    backup.taken_back_after = store_.Now() - *backup.forgotten;
    backup.forgotten.reset();
    if (backup.listed) backup.taking_back = actor;
  }
  Judge(parsed->id, backup);
}

void Ledger::RemovedPack(const repo::ShortPackId& pack) {
  packs_.erase(pack);
  ++counts.packs_removed;
  for (auto& [id, backup] : backups_) {
    if (backup.packs.contains(pack)) Judge(id, backup);
  }
  for (auto& [actor, hold] : holds_) JudgeHold(actor, hold, pack);
}

void Ledger::Committed(Actor actor, const repo::BackupId& id) {
  ++counts.commits;
  backups_[id].committed = true;
  End(actor, Fate::kCounts);
}

void Ledger::Ended(Actor actor) {
  End(actor, Fate::kCounts);
  LetGo(actor);
}

void Ledger::Died(Actor actor) {
  ++counts.crashes;
  End(actor, Fate::kDied);
  LetGo(actor);
}

void Ledger::End(Actor actor, Fate fate) {
  for (auto& [id, backup] : backups_) {
    if (backup.taking_back == actor) {
      backup.taking_back.reset();
      backup.died_taking_back = fate == Fate::kDied;
      Judge(id, backup);
    }
    if (backup.writer != actor || backup.fate != Fate::kUnknown || backup.packs.empty()) continue;
    backup.fate = fate;
    Judge(id, backup);
  }
}

void Ledger::Judge(const repo::BackupId& id, Backup& backup) {
  if (!backup.listed || backup.withdrawn) return;
  if (backup.fate == Fate::kUnknown || backup.taking_back) return;
  if (std::ranges::includes(packs_, backup.packs)) return;
  if (backup.forgotten) {
    const base::Duration age = store_.Now() - *backup.forgotten;
    if (!rules_.even_clock || !backup.committed || age >= repo::kGrace) return;
    return Violate(fmt::format("{} lost a pack {} after it was forgotten", id.ToString(),
                               base::FormatDuration(age)));
  }
  if (!IsExcused(backup)) return Violate(fmt::format("{} lacks a pack", id.ToString()));
  if (!backup.counted_as_leftover) ++counts.leftovers;
  backup.counted_as_leftover = true;
}

// "A writer that is suspended between the check and the put for about a day, and dies before it
// looks for the last time": whatever of the grace two stale looks leave. The same of a forgetter
// that takes a tombstone back, where only prune's look may be stale.
bool Ledger::IsExcused(const Backup& backup) const {
  const auto is_late = [&](base::Duration duration, int stale_looks) {
    return !rules_.even_clock || duration > repo::kGrace - stale_looks * rules_.staleness;
  };
  if (backup.fate == Fate::kDied && is_late(backup.unwatched, 2)) return true;
  return backup.died_taking_back && is_late(backup.taken_back_after, 1);
}

void Ledger::HoldByLease(Actor actor, const repo::BackupId& id) {
  ++counts.holds;
  const bool lapsed = store_.Now() - heartbeats_[actor] > LeaseLifetime();
  holds_[actor] = {.id = id, .by_lease = true, .lapsed = lapsed};
}

void Ledger::HoldByPin(Actor actor, const repo::BackupId& id) {
  ++counts.holds;
  holds_[actor] = {.id = id};
}

void Ledger::NoteHeartbeat(Actor actor) {
  const auto hold = holds_.find(actor);
  if (hold != holds_.end() && store_.Now() - heartbeats_[actor] > LeaseLifetime()) {
    hold->second.lapsed = true;
    ++counts.lapses;
  }
  heartbeats_[actor] = store_.Now();
}

// A renewal may be seen so late.
base::Duration Ledger::LeaseLifetime() const { return repo::kLeaseLifetime - rules_.staleness; }

void Ledger::JudgeHold(Actor actor, Hold& hold, const repo::ShortPackId& pack) {
  const Backup& backup = backups_[hold.id];
  if (!backup.packs.contains(pack)) return;
  // Published, but not whole from the beginning: whoever holds that is told by its packs.
  if (backup.withdrawn || backup.fate == Fate::kUnknown || IsExcused(backup)) return;
  if (hold.by_lease && !rules_.even_clock) return;
  if (hold.by_lease && store_.Now() - heartbeats_[actor] > LeaseLifetime()) hold.lapsed = true;
  if (hold.lapsed) return;
  Violate(fmt::format("{} lost a pack while it was {}", hold.id.ToString(),
                      hold.by_lease ? "leased" : "pinned"));
}

void Ledger::Violate(std::string what) { violations_.push_back(std::move(what)); }

}  // namespace holdfast::upkeep
