#include "upkeep/usage.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "repo/pin.h"
#include "repo/snapshot.h"
#include "repo/snapshot_codec.h"
#include "repo/withdrawal.h"
#include "upkeep/pack_listing.h"

namespace holdfast::upkeep {

namespace {

using std::chrono::days;

constexpr base::Duration kWeek = days(7);
constexpr base::Duration kMonth = days(30);
constexpr base::Duration kShortestHistory = days(14);

// Put and removed again all the time: no growth.
bool IsReplaced(std::string_view name) {
  return name.starts_with(repo::kLeasesPrefix) || name.starts_with(repo::kPrunePrefix) ||
         name.starts_with("wal-tail/");
}

// Files, tails, summaries: "wal/", "wal-tail/", "wal-summary/".
bool IsOfLog(std::string_view name) { return name.starts_with("wal/") || name.starts_with("wal-"); }

void Grow(Growth& growth, base::Duration age, std::uint64_t bytes) {
  if (age <= kWeek) growth.last_week += bytes;
  if (age <= kMonth) growth.last_month += bytes;
}

class Measurement {
 public:
  Measurement(storage::Storage& storage, base::Time now, int jobs, std::stop_token stop)
      : storage_(storage), jobs_(std::max(jobs, 1)), stop_(std::move(stop)) {
    usage_.now = now;
  }

  Usage Run() {
    // Snapshots before packs: those of a backup are put before it.
    ListSnapshots();
    const PackListing listing(storage_);
    packs_ = listing.packs();
    users_.resize(packs_.size());
    ReadBackups(false);
    ReadBackups(true);
    ListAll();
    SumUpPacks();
    MeasureLogs();
    for (auto& [name, source] : sources_) usage_.sources.push_back(std::move(source));
    return std::move(usage_);
  }

 private:
  static constexpr std::uint32_t kNobody = ~std::uint32_t{0};
  struct Users {
    std::uint32_t count = 0;  // backups in the list
    std::uint32_t one = kNobody;
  };

  SourceUsage& Source(const std::string& name) {
    SourceUsage& source = sources_[name];
    source.source = name;
    return source;
  }

  void ListSnapshots() {
    std::map<repo::BackupId, bool> forgotten;
    storage_.List(repo::kSnapshotsPrefix, {}, [&](const storage::ObjectInfo& object) {
      const auto name = repo::ParseSnapshotName(object.name);
      if (!name) return;
      if (name->what == repo::SnapshotName::What::kSnapshot) {
        backups_.push_back({.id = name->id,
                            .kind = {},
                            .stored = object.modified,
                            .packs = {},
                            .unique = Amount{},
                            .record = object.size});
      } else if (name->what == repo::SnapshotName::What::kTombstone ||
                 repo::IsWithdrawn(storage_, name->id)) {
        forgotten[name->id] = true;
      }
    });
    std::ranges::sort(backups_, {}, &BackupUsage::id);
    const repo::Pins pins = repo::ListPins(storage_);
    for (BackupUsage& backup : backups_) {
      backup.forgotten =
          forgotten.contains(backup.id) && !repo::IsPinned(pins, backup.id, usage_.now);
    }
  }

  // Those in the list, then the forgotten ones, which are judged by what the others need.
  void ReadBackups(bool forgotten) {
    base::Workers workers(stop_);
    std::atomic<std::uint32_t> next = 0;
    for (int i = 0; i < jobs_; ++i) {
      workers.Start([&](const std::stop_token& stopping) {
        for (std::uint32_t n = next++; n < backups_.size(); n = next++) {
          base::ThrowIfStopped(stopping);
          if (backups_[n].forgotten == forgotten) Read(n);
        }
      });
    }
    workers.Join();
    base::ThrowIfStopped(stop_);
  }

  void Read(std::uint32_t place) {
    BackupUsage& backup = backups_[place];
    try {
      const std::optional<base::Bytes> object = storage_.Get(repo::SnapshotObject(backup.id));
      if (!object) return Lose(backup, "it was deleted meanwhile");
      const std::vector<repo::ShortPackId> packs = repo::ParsePackList(backup.id, *object);
      backup.kind = repo::ParseSnapshotHead(backup.id, *object).head->plain.kind;
      const std::scoped_lock lock(mutex_);
      CountPacks(place, packs);
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kCorrupt && error.kind() != base::ErrorKind::kUsage)
        throw;
      Lose(backup, error.message());
    }
  }

  void Lose(const BackupUsage& backup, const std::string& why) {
    const std::scoped_lock lock(mutex_);
    usage_.unreadable.push_back(backup.id.ToString() + ": " + why);
  }

  // Both lists ascend.
  void CountPacks(std::uint32_t place, const std::vector<repo::ShortPackId>& packs) {
    BackupUsage& backup = backups_[place];
    std::vector<bool>& of_source = needed_by_[backup.id.source];
    of_source.resize(packs_.size());
    std::size_t at = 0;
    for (const repo::ShortPackId& pack : packs) {
      while (at < packs_.size() && repo::ShortPackId::Of(packs_[at].id) < pack) ++at;
      if (at == packs_.size() || repo::ShortPackId::Of(packs_[at].id) != pack) {
        ++backup.missing_packs;
        continue;
      }
      backup.packs.Add(packs_[at].size);
      if (backup.forgotten) {
        if (users_[at].count == 0) backup.unique->Add(packs_[at].size);
        continue;
      }
      ++users_[at].count;
      users_[at].one = place;
      of_source[at] = true;
    }
  }

  // Everything there is, by its name.
  void ListAll() {
    storage_.List({}, {}, [&](const storage::ObjectInfo& object) {
      usage_.all.Add(object.size);
      if (object.name.starts_with(repo::kPacksPrefix)) usage_.packs.Add(object.size);
      if (IsOfLog(object.name)) usage_.log.Add(object.size);
      if (IsReplaced(object.name)) return;
      Grow(usage_.growth, usage_.now - object.modified, object.size);
      if (!usage_.oldest || object.modified < *usage_.oldest) usage_.oldest = object.modified;
    });
  }

  void SumUpPacks() {
    Amount unneeded;
    for (std::size_t at = 0; at < packs_.size(); ++at) {
      if (users_[at].count == 0) unneeded.Add(packs_[at].size);
      if (users_[at].count == 1) backups_[users_[at].one].unique->Add(packs_[at].size);
    }
    if (usage_.unreadable.empty()) {
      usage_.unneeded = unneeded;
    } else {
      for (BackupUsage& backup : backups_) backup.unique = std::nullopt;
    }
    for (BackupUsage& backup : backups_) Source(backup.id.source).backups.push_back(backup);
    for (const auto& [name, needed] : needed_by_) {
      SourceUsage& source = Source(name);
      for (std::size_t at = 0; at < needed.size(); ++at) {
        if (!needed[at]) continue;
        source.packs.Add(packs_[at].size);
        Grow(source.growth, usage_.now - packs_[at].modified, packs_[at].size);
      }
    }
  }

  void MeasureLogs() {
    LogScan scan = ScanLogs(storage_);
    usage_.unknown = std::move(scan.unknown);
    for (const auto& [place, log] : scan.logs) {
      if (log.segment_size) {
        MeasureLog(place, *log.segment_size);
      } else {
        usage_.unknown.push_back("WAL of " + place.source + ", cluster " +
                                 std::to_string(place.system));
      }
    }
  }

  void MeasureLog(const LogPlace& place, pg::SegmentSize size) {
    std::map<std::uint32_t, LogUsage> timelines;
    SourceUsage& source = Source(place.source);
    ForEachSegmentObject(storage_, place, size, [&](const SegmentObject& object) {
      const auto [entry, is_new] = timelines.try_emplace(object.timeline);
      LogUsage& log = entry->second;
      log.start = is_new ? object.start : std::min(log.start, object.start);
      log.end = std::max(log.end, object.end);
      log.oldest = is_new ? object.modified : std::min(log.oldest, object.modified);
      log.newest = is_new ? object.modified : std::max(log.newest, object.modified);
      log.objects.Add(object.size);
      if (object.name.starts_with("wal/") && usage_.now - object.modified <= kMonth)
        ++log.files_last_month;
      if (!IsReplaced(object.name)) Grow(source.growth, usage_.now - object.modified, object.size);
    });
    for (auto& [timeline, log] : timelines) {
      log.system = place.system;
      log.timeline = timeline;
      source.logs.push_back(log);
    }
  }

  storage::Storage& storage_;
  const int jobs_;
  const std::stop_token stop_;
  Usage usage_;
  std::vector<BackupUsage> backups_;  // ascending by id
  std::vector<ListedPack> packs_;
  std::vector<Users> users_;                            // by place in packs_
  std::map<std::string, std::vector<bool>> needed_by_;  // by source: by place
  std::map<std::string, SourceUsage> sources_;
  std::mutex mutex_;  // guards what Read writes, but for its own backup
};

}  // namespace

Usage MeasureUsage(storage::Storage& storage, base::Time now, int jobs,
                   const std::stop_token& stop) {
  return Measurement(storage, now, jobs, stop).Run();
}

std::optional<std::uint64_t> MonthlyGrowth(const Usage& usage) {
  if (!usage.oldest) return std::nullopt;
  const base::Duration covered = std::min(usage.now - *usage.oldest, kMonth);
  if (covered < kShortestHistory) return std::nullopt;
  return static_cast<std::uint64_t>(static_cast<double>(usage.growth.last_month) *
                                    (std::chrono::duration<double>(kMonth) / covered));
}

}  // namespace holdfast::upkeep
