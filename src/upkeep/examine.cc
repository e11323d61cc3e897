#include "upkeep/examine.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "base/counted.h"
#include "base/error.h"
#include "catalog/cluster_facts.h"
#include "repo/pin.h"
#include "upkeep/cluster_log.h"

namespace holdfast::upkeep {

namespace {

using base::Error;
using base::ErrorKind;

// A holder renews every ten minutes: one that did not for so long has ended.
constexpr base::Duration kSilence = std::chrono::hours(2);

std::map<repo::BackupId, base::Time> StoredTimes(storage::Storage& storage,
                                                 const std::string& source) {
  std::map<repo::BackupId, base::Time> times;
  const std::string prefix = fmt::format("{}{}/", repo::kSnapshotsPrefix, source);
  storage.List(prefix, {}, [&](const storage::ObjectInfo& object) {
    const auto name = repo::ParseSnapshotName(object.name);
    if (name && name->what == repo::SnapshotName::What::kSnapshot) {
      times[name->id] = object.modified;
    }
  });
  return times;
}

class Examination {
 public:
  Examination(const repo::Repository& repository, const ExaminedStore& store,
              const std::string& source)
      : repository_(repository), store_(store), source_(source) {
    result_.source = source;
  }

  ExaminedSource Run() {
    ReadBackups();
    for (ExaminedBackup& backup : result_.backups) Judge(backup);
    JudgeLineage();
    FindBrokenOff();
    return std::move(result_);
  }

 private:
  void ReadBackups() {
    const auto times = StoredTimes(repository_.storage(), source_);
    const repo::Pins pins = repo::ListPins(repository_.storage(), source_);
    const auto unreadable = [&](const repo::BackupId& id, const Error& error) {
      result_.unreadable.push_back({.id = id, .problem = error.message()});
    };
    for (repo::Snapshot& snapshot : repo::ReadSnapshots(repository_, source_, unreadable)) {
      const auto stored = times.find(snapshot.id);
      ExaminedBackup backup{.snapshot = std::move(snapshot), .stored = {}, .flaw = {}};
      backup.stored = stored == times.end() ? store_.now : stored->second;
      backup.pinned =
          backup.snapshot.facts.pinned || repo::IsPinned(pins, backup.snapshot.id, store_.now);
      result_.backups.push_back(std::move(backup));
    }
    std::ranges::sort(result_.backups, {}, [](const ExaminedBackup& backup) {
      const repo::Snapshot& snapshot = backup.snapshot;
      return std::tuple(snapshot.sequence, snapshot.facts.started, snapshot.id);
    });
  }

  void Judge(ExaminedBackup& backup) {
    backup.flaw = FlawOfPacks(repository_, store_, backup.snapshot.id);
    if (!backup.flaw.empty() || backup.snapshot.facts.kind != catalog::kClusterKind) return;
    try {
      const catalog::ClusterFacts facts = catalog::FactsOf(backup.snapshot);
      backup.flaw = facts.bad_pages.empty()
                        ? LogOf(facts.system).FlawOf(facts)
                        : base::Counted(facts.bad_pages.size(), "page was", "pages were") +
                              " damaged on the server";
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kCorrupt) throw;
      backup.flaw = error.message();
    }
  }

  // The source is the cluster of its newest backup. Whether earlier backups lead to where that is
  // now only its archive can tell.
  void JudgeLineage() {
    std::optional<pg::SystemIdentifier> present;
    for (auto backup = result_.backups.rbegin(); backup != result_.backups.rend(); ++backup) {
      const auto facts = FactsIn(*backup);
      if (!facts) continue;
      if (!present) present = facts->system;
      backup->leads_to_present =
          facts->system == *present && LogOf(facts->system).LeadsToPresent(*facts);
    }
  }

  static std::optional<catalog::ClusterFacts> FactsIn(const ExaminedBackup& backup) {
    if (backup.snapshot.facts.kind != catalog::kClusterKind) return std::nullopt;
    try {
      return catalog::FactsOf(backup.snapshot);
    } catch (const Error&) {
      return std::nullopt;  // that is its flaw already
    }
  }

  const ClusterLog& LogOf(pg::SystemIdentifier system) {
    const auto known = logs_.find(system);
    if (known != logs_.end()) return known->second;
    return logs_.try_emplace(system, repository_, source_, system).first->second;
  }

  void FindBrokenOff() {
    for (const repo::LeaseInfo& lease : store_.leases) {
      if (lease.backup && lease.backup->source == source_ &&
          store_.now - lease.heartbeat > kSilence) {
        result_.broken_off.push_back(lease);
      }
    }
  }

  const repo::Repository& repository_;
  const ExaminedStore& store_;
  const std::string& source_;
  ExaminedSource result_;
  std::map<pg::SystemIdentifier, ClusterLog> logs_;
};

}  // namespace

ExaminedStore::ExaminedStore(const repo::Repository& repository)
    : now(repository.storage().StoreTime()),
      packs(repository.storage()),
      leases(repo::ListLeases(repository.storage())) {
  damaged.Refresh(repository.storage());
}

std::string FlawOfPacks(const repo::Repository& repository, const ExaminedStore& store,
                        const repo::BackupId& id) {
  std::uint64_t missing = 0;
  std::uint64_t damaged = 0;
  try {
    for (const repo::ShortPackId& pack : repo::ReadPackList(repository.storage(), id)) {
      if (!store.packs.Find(pack) && !IsThere(repository.storage(), pack)) {
        ++missing;
      } else if (store.damaged.Contains(pack)) {
        ++damaged;
      }
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt && error.kind() != ErrorKind::kUsage) throw;
    return error.message();
  }
  if (missing > 0)
    return base::Counted(missing, "of its packs is missing", "of its packs are missing");
  if (damaged == 0) return "";
  return base::Counted(damaged, "of its packs was found damaged",
                       "of its packs were found damaged");
}

ExaminedSource Examine(const repo::Repository& repository, const ExaminedStore& store,
                       const std::string& source) {
  return Examination(repository, store, source).Run();
}

}  // namespace holdfast::upkeep
