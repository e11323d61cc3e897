#include "upkeep/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <utility>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/workers.h"
#include "repo/file_digest.h"
#include "repo/frame_reader.h"
#include "repo/snapshot.h"
#include "upkeep/damage_log.h"
#include "upkeep/hits.h"
#include "upkeep/object_check.h"
#include "wal/archive_check.h"

namespace holdfast::upkeep {

namespace {

// What a pack list names, found in a listing of packs/.
using Packs = std::map<repo::ShortPackId, storage::ObjectInfo>;

Packs ListPacks(storage::Storage& storage, DamageLog& log) {
  Packs packs;
  storage.List(repo::kPacksPrefix, {}, [&](const storage::ObjectInfo& object) {
    try {
      const repo::PackId id = repo::PackId::FromHex(object.name.substr(object.name.rfind('/') + 1));
      packs.emplace(repo::ShortPackId::Of(id), object);
    } catch (const base::Error&) {
      log.Add(object.name, "it is not a pack: its name is no hash");
    }
  });
  return packs;
}

repo::PackId IdOf(const storage::ObjectInfo& pack) {
  return repo::PackId::FromHex(pack.name.substr(pack.name.rfind('/') + 1));
}

bool InSource(std::string_view object, std::string_view source) {
  return source.empty() || object.find(fmt::format("/{}/", source)) != std::string_view::npos;
}

// The objects beside packs: small, or of one source.
std::vector<storage::ObjectInfo> OtherObjects(storage::Storage& storage, std::string_view source) {
  std::vector<storage::ObjectInfo> objects;
  storage.List({}, {}, [&](const storage::ObjectInfo& object) {
    if (object.name.starts_with(repo::kPacksPrefix)) return;
    const bool shared = object.name == repo::kConfigObject || object.name.starts_with(repo::kKeysPrefix);
    if (shared || InSource(object.name, source)) objects.push_back(object);
  });
  return objects;
}

// Fetches objects in parallel and hands each to a check.
class Sweep {
 public:
  using Check = std::function<void(const storage::ObjectInfo&, base::ByteView)>;

  Sweep(storage::Storage& storage, int jobs, base::Reporter& report, DamageLog& log)
      : storage_(storage), jobs_(jobs), report_(report), log_(log) {}

  void Run(const std::vector<storage::ObjectInfo>& objects, const Check& check, const std::stop_token& stop) {
    base::Workers workers(stop);
    for (int i = 0; i < jobs_; ++i) {
      workers.Start([&](const std::stop_token& token) {
        for (std::size_t next = next_++; next < objects.size(); next = next_++) {
          base::ThrowIfStopped(token);
          Look(objects[next], check);
        }
      });
    }
    workers.Join();
    base::ThrowIfStopped(stop);
    next_ = 0;
  }

 private:
  void Look(const storage::ObjectInfo& object, const Check& check) {
    const std::optional<base::Bytes> contents = storage_.Get(object.name);
    report_.Advance(object.size);
    // Removed since it was listed: packs by prune, tails and leases by their owners. What still needs it says so itself.
    if (!contents) return;
    if (const auto problem = CheckObject(object.name, *contents)) {
      if (object.name.starts_with(repo::kPacksPrefix)) {
        log_.AddPack(IdOf(object), *problem);
      } else {
        log_.Add(object.name, *problem);
      }
      return;
    }
    check(object, *contents);
  }

  storage::Storage& storage_;
  const int jobs_;
  base::Reporter& report_;
  DamageLog& log_;
  std::atomic<std::size_t> next_ = 0;
};

std::uint64_t SizeOf(const std::vector<storage::ObjectInfo>& objects) {
  std::uint64_t bytes = 0;
  for (const storage::ObjectInfo& object : objects) bytes += object.size;
  return bytes;
}

class Verification {
 public:
  Verification(const repo::Repository& repository, const VerifyOptions& options, base::Reporter& report)
      : repository_(repository), options_(options), report_(report), frames_(repository) {}

  VerifyResult Run(const std::stop_token& stop) {
    ReadBackups();
    packs_ = ListPacks(repository_.storage(), log_);
    CheckPackLists();
    if (options_.level == VerifyLevel::kMetadata || options_.level == VerifyLevel::kData) CheckTrees(stop);
    if (options_.level == VerifyLevel::kPacks || options_.level == VerifyLevel::kData) SweepObjects(stop);
    AddHits(stop);
    if (options_.level == VerifyLevel::kData) CheckDigests(stop);
    result_.backups = backups_.size();
    result_.damages = log_.Take();
    return std::move(result_);
  }

 private:
  void ReadBackups() {
    backups_ = repo::ReadSnapshots(repository_, options_.source, [&](const repo::BackupId& id, const base::Error& error) {
      const std::string object = repo::SnapshotObject(id);
      log_.Add(object, error.message());
      log_.AddHit(object, {.backup = id.ToString()});
    });
  }

  // Every pack that a backup needs is there, by the list it carries in clear.
  void CheckPackLists() {
    for (const repo::Snapshot& backup : backups_) {
      try {
        for (const repo::ShortPackId& pack : repo::ReadPackList(repository_.storage(), backup.id)) {
          needed_.insert(pack);
          if (packs_.contains(pack)) continue;
          missing_[pack].insert(backup.id.ToString());
        }
      } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::kCorrupt) throw;
        const std::string object = repo::SnapshotObject(backup.id);
        log_.Add(object, error.message());
        log_.AddHit(object, {.backup = backup.id.ToString()});
      }
    }
    for (const auto& [pack, backups] : missing_) ReportMissing(pack, backups);
  }

  void ReportMissing(const repo::ShortPackId& pack, const std::set<std::string>& backups) {
    // Lists hold half of the id; the rest of the name is found in the maps, when they are looked at.
    const std::string half = base::ToHex(pack.bytes);
    const std::string object = fmt::format("{}{}/{}...", repo::kPacksPrefix, half.substr(0, 2), half);
    log_.Add(object, "it is missing");
    for (const std::string& backup : backups) log_.AddHit(object, {.backup = backup});
  }

  // Trees, maps and footers open, and what they refer to exists.
  void CheckTrees(const std::stop_token& stop) {
    for (const repo::Snapshot& backup : backups_) {
      base::ThrowIfStopped(stop);
      CheckTree(backup);
    }
  }

  void CheckTree(const repo::Snapshot& backup);
  void CheckContent(const repo::Snapshot& backup, const repo::TreeEntry& entry);
  void CheckPlaces(const repo::PageMap& map);

  void SweepObjects(const std::stop_token& stop) {
    std::vector<storage::ObjectInfo> objects = OtherObjects(repository_.storage(), options_.source);
    for (const auto& [id, pack] : packs_) {
      if (options_.source.empty() || needed_.contains(id)) objects.push_back(pack);
    }
    result_.objects = objects.size();
    result_.bytes = SizeOf(objects);
    report_.BeginPhase("verifying", result_.bytes);
    Sweep sweep(repository_.storage(), options_.jobs, report_, log_);
    sweep.Run(
        objects, [&](const storage::ObjectInfo& object, base::ByteView contents) { OpenObject(object, contents); }, stop);
    report_.EndPhase();
  }

  void OpenObject(const storage::ObjectInfo& object, base::ByteView contents) {
    if (options_.level != VerifyLevel::kData) return;
    if (object.name.starts_with(repo::kPacksPrefix)) {
      CheckFrames(repository_.keyring(), IdOf(object), contents, log_);
    } else if (const auto problem = wal::CheckWalObject(repository_.keyring(), object.name, contents)) {
      log_.Add(object.name, *problem);
    }
  }

  void AddHits(const std::stop_token& stop) {
    BadPacks bad = log_.bad_packs();
    if (bad.empty()) return;
    for (const repo::Snapshot& backup : backups_) {
      base::ThrowIfStopped(stop);
      FindHits(backup, frames_, bad, log_);
    }
  }

  // The content of every file that has no pages is the one that was digested.
  void CheckDigests(const std::stop_token& stop);

  const repo::Repository& repository_;
  const VerifyOptions& options_;
  base::Reporter& report_;
  repo::FrameReader frames_;
  DamageLog log_;
  VerifyResult result_;
  std::vector<repo::Snapshot> backups_;
  Packs packs_;
  std::set<repo::ShortPackId> needed_;
  std::map<repo::ShortPackId, std::set<std::string>> missing_;
};

}  // namespace

}  // namespace holdfast::upkeep
