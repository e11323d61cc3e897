#include "upkeep/verify.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "repo/damage_mark.h"
#include "repo/frame_reader.h"
#include "repo/snapshot.h"
#include "upkeep/backup_packs.h"
#include "upkeep/damage_log.h"
#include "upkeep/file_check.h"
#include "upkeep/mark_packs.h"
#include "upkeep/other_objects.h"
#include "upkeep/own_log.h"
#include "upkeep/pack_check.h"
#include "upkeep/pack_listing.h"
#include "upkeep/settle.h"
#include "upkeep/sweep.h"
#include "upkeep/tree_check.h"
#include "wal/archive_check.h"

namespace holdfast::upkeep {

namespace {

using base::Error;
using base::ErrorKind;

bool IsPack(std::string_view name) { return name.starts_with(repo::kPacksPrefix); }

repo::PackId PackOf(std::string_view name) {
  return repo::PackId::FromHex(name.substr(name.rfind('/') + 1));
}

bool LooksIntoTrees(VerifyLevel level) {
  return level == VerifyLevel::kMetadata || level == VerifyLevel::kData;
}
bool ReadsEveryByte(VerifyLevel level) {
  return level == VerifyLevel::kPacks || level == VerifyLevel::kData;
}

std::vector<repo::BackupId> IdsOf(const std::vector<repo::Snapshot>& backups) {
  std::vector<repo::BackupId> ids;
  ids.reserve(backups.size());
  for (const repo::Snapshot& backup : backups) ids.push_back(backup.id);
  return ids;
}

// The other objects, then the packs of these places in the listing.
class ObjectsToSweep {
 public:
  ObjectsToSweep(std::vector<storage::ObjectInfo> others, const PackListing& listing,
                 const std::vector<bool>& wanted)
      : others_(std::move(others)), listing_(listing) {
    for (std::size_t place = 0; place < wanted.size(); ++place) {
      if (wanted[place]) places_.push_back(static_cast<std::uint32_t>(place));
    }
  }

  std::size_t count() const { return others_.size() + places_.size(); }

  storage::ObjectInfo At(std::size_t number) const {
    if (number < others_.size()) return others_[number];
    const ListedPack& pack = listing_.packs()[places_[number - others_.size()]];
    return {.name = repo::PackObject(pack.id), .size = pack.size, .modified = {}};
  }

  std::uint64_t bytes() const {
    std::uint64_t bytes = 0;
    for (const storage::ObjectInfo& object : others_) bytes += object.size;
    for (const std::uint32_t place : places_) bytes += listing_.packs()[place].size;
    return bytes;
  }

 private:
  const std::vector<storage::ObjectInfo> others_;
  const PackListing& listing_;
  std::vector<std::uint32_t> places_;
};

// What every verification has, with a key or without.
struct Common {
  storage::Storage& storage;
  const VerifyOptions& options;
  base::Reporter& report;
  const std::stop_token& stop;
  DamageLog& log;
};

SweptTotals SweepObjects(const Common& common, std::vector<storage::ObjectInfo> others,
                         const PackListing& listing, const NeededPacks& needed,
                         const SweepVisitor& visitor) {
  std::vector<bool> wanted = needed.listed;
  if (common.options.source.empty()) wanted.assign(wanted.size(), true);
  const ObjectsToSweep objects(std::move(others), listing, wanted);
  common.report.BeginPhase("verifying", objects.bytes());
  const SweptTotals totals =
      Sweep(common.storage,
            {.jobs = common.options.jobs,
             .count = objects.count(),
             .object = [&](std::size_t number) { return objects.At(number); }},
            visitor, common.report, common.log, common.stop);
  common.report.EndPhase();
  return totals;
}

// Of the packs that backups need, those that are marked as damaged.
SweptTotals SweepMarked(const Common& common, const PackListing& listing, const NeededPacks& needed,
                        const SweepVisitor& visitor) {
  repo::DamagedPacks marked;
  marked.Refresh(common.storage);
  std::vector<bool> wanted = needed.listed;
  for (std::size_t place = 0; place < wanted.size(); ++place) {
    wanted[place] = wanted[place] && marked.Contains(listing.packs()[place].id);
  }
  const ObjectsToSweep objects({}, listing, wanted);
  return Sweep(common.storage,
               {.jobs = common.options.jobs,
                .count = objects.count(),
                .object = [&](std::size_t number) { return objects.At(number); }},
               visitor, common.report, common.log, common.stop);
}

VerifyResult Finish(const Common& common, std::uint64_t backups, const SweptTotals& totals) {
  VerifyResult result{
      .backups = backups,
      .objects = totals.objects,
      .bytes = totals.bytes,
      .damages = WithoutRemoved(common.storage, common.options.source, common.log.Take()),
      .oddities = common.log.TakeOddities(),
      .warnings = common.log.TakeNewer()};
  if (common.options.mark && ReadsEveryByte(common.options.level)) {
    Marking marking = MarkPacks(common.storage, result.damages);
    result.marked = marking.marked;
    std::ranges::move(marking.warnings, std::back_inserter(result.warnings));
  }
  return result;
}

// A snapshot whose record does not open takes the whole backup with it. Of one that a newer program
// wrote nothing is known, which is no damage.
std::vector<repo::Snapshot> ReadBackups(const repo::Repository& repository, std::string_view source,
                                        DamageLog& log) {
  return repo::ReadSnapshots(repository, source, [&](const repo::BackupId& id, const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) return log.AddNewer(id, error.message());
    const std::string object = repo::SnapshotObject(id);
    log.Add(object, error.message());
    log.AddHit(object, {.backup = id.ToString()});
  });
}

void SalvagePack(const repo::Keyring& keyring, const repo::PackId& pack, base::ByteView contents,
                 const std::string& problem, DamageLog& log) {
  try {
    SalvageFrames(keyring, pack, contents, problem, log);
  } catch (const Error& error) {
    // With keys that open no content, all of it is taken for bad.
    if (error.kind() != ErrorKind::kDenied) throw;
    log.AddPack(pack, problem);
  }
}

SweepVisitor VisitorWithKey(const repo::Keyring& keyring, VerifyLevel level, DamageLog& log) {
  const auto open = [&keyring, &log](const std::string& name, base::ByteView contents) {
    if (IsPack(name)) {
      (void)CheckFrames(keyring, PackOf(name), contents, log);
    } else if (const auto problem = wal::CheckWalObject(keyring, name, contents)) {
      log.Add(name, *problem);
    }
  };
  const auto pass = [](const std::string&, base::ByteView) {};
  return {.sound = level == VerifyLevel::kData ? decltype(SweepVisitor::sound)(open) : pass,
          .altered = [&keyring, &log](const std::string& name, base::ByteView contents,
                                      const std::string& problem) {
            if (!IsPack(name)) return log.Add(name, problem);
            SalvagePack(keyring, PackOf(name), contents, problem, log);
          }};
}

// Looks at the trees of backups, several at a time.
class TreeWalk {
 public:
  TreeWalk(const repo::Repository& repository, const Common& common, const NeededPacks& needed)
      : common_(common),
        needed_(needed),
        bad_(common.log.bad_packs()),
        frames_(repository, {.admit =
                                 [&log = common.log](const repo::FrameRef& frame) {
                                   if (!log.Takes(frame)) return;
                                   throw Error(ErrorKind::kCorrupt, "pack " + frame.pack.ToHex() +
                                                                        " is known to be damaged");
                                 }}),
        context_{.keyring = repository.keyring(),
                 .frames = frames_,
                 .log = common.log,
                 .sound = sound_,
                 .depth = {.references = LooksIntoTrees(common.options.level),
                           .digests = common.options.level == VerifyLevel::kData}} {}

  void Run(const std::vector<repo::Snapshot>& backups) {
    if (!context_.depth.references && bad_.empty()) return;
    base::Workers workers(common_.stop);
    std::atomic<std::size_t> next = 0;
    for (int i = 0; i < std::max(common_.options.jobs, 1); ++i) {
      workers.Start([&](const std::stop_token& stop) {
        for (std::size_t n = next++; n < backups.size(); n = next++) Look(backups[n], stop);
      });
    }
    workers.Join();
    base::ThrowIfStopped(common_.stop);
  }

 private:
  void Look(const repo::Snapshot& backup, const std::stop_token& stop) {
    base::ThrowIfStopped(stop);
    const std::vector<repo::ShortPackId> bad =
        NeededAmong(common_.storage, backup.id, bad_, common_.log);
    if (!context_.depth.references && bad.empty()) return;
    const std::set<repo::ShortPackId> hit = CheckTree(context_, backup, stop);
    // A missing pack that nothing refers to by its full id is still said to be needed.
    for (const repo::ShortPackId& pack : bad) {
      if (!needed_.missing.contains(pack) || hit.contains(pack)) continue;
      common_.log.AddPackHit(pack, {.backup = backup.id.ToString()});
    }
  }

  const Common& common_;
  const NeededPacks& needed_;
  const std::vector<repo::ShortPackId> bad_;
  repo::FrameReader frames_;
  KnownSound sound_;
  const FileCheckContext context_;
};

// Without a key there are no trees: whoever needs a bad pack is hit as a whole.
void AddHitsByList(const Common& common, const std::vector<repo::BackupId>& backups) {
  const std::vector<repo::ShortPackId> bad = common.log.bad_packs();
  for (const repo::BackupId& backup : backups) {
    base::ThrowIfStopped(common.stop);
    for (const repo::ShortPackId& pack : NeededAmong(common.storage, backup, bad, common.log)) {
      common.log.AddPackHit(pack, {.backup = backup.ToString()});
    }
  }
}

// The config may be damaged, which is told like any other damage, but it must be there.
void RequireRepository(storage::Storage& storage) {
  try {
    (void)repo::ReadConfig(storage);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt || !storage.Stat(repo::kConfigObject)) throw;
  }
}

}  // namespace

VerifyResult Verify(const repo::Repository& repository, const VerifyOptions& options,
                    base::Reporter& report, const std::stop_token& stop) {
  if (options.level == VerifyLevel::kData) repository.RequireContentKey("verifying data");
  DamageLog log;
  const Common common{repository.storage(), options, report, stop, log};
  const std::vector<repo::Snapshot> backups = ReadBackups(repository, options.source, log);
  const PackListing listing(common.storage);
  const NeededPacks needed = FindNeeded(common.storage, IdsOf(backups), listing, log);
  std::vector<storage::ObjectInfo> others = ListOtherObjects(common.storage, options.source, log);
  SweptTotals totals;
  if (ReadsEveryByte(options.level)) {
    totals = SweepObjects(common, std::move(others), listing, needed,
                          VisitorWithKey(repository.keyring(), options.level, log));
  } else if (options.reread_marked) {
    totals = SweepMarked(common, listing, needed,
                         VisitorWithKey(repository.keyring(), options.level, log));
  }
  TreeWalk(repository, common, needed).Run(backups);
  CheckOwnLogs(repository, backups, log);
  return Finish(common, backups.size(), totals);
}

VerifyResult VerifyWithoutKey(storage::Storage& storage, const VerifyOptions& options,
                              base::Reporter& report, const std::stop_token& stop) {
  DamageLog log;
  const Common common{storage, options, report, stop, log};
  RequireRepository(storage);
  const repo::SnapshotListing snapshots = repo::ListSnapshotObjects(storage, options.source);
  std::vector<repo::BackupId> backups;
  std::ranges::set_difference(snapshots.snapshots, snapshots.tombstones,
                              std::back_inserter(backups));
  const PackListing listing(storage);
  const NeededPacks needed = FindNeeded(storage, backups, listing, log);
  const auto altered = [&](const std::string& name, base::ByteView, const std::string& problem) {
    if (!IsPack(name)) return log.Add(name, problem);
    log.AddPack(PackOf(name), problem);
  };
  std::vector<storage::ObjectInfo> others = ListOtherObjects(storage, options.source, log);
  SweptTotals totals;
  if (ReadsEveryByte(options.level)) {
    totals = SweepObjects(common, std::move(others), listing, needed,
                          {.sound = [](const std::string&, base::ByteView) {}, .altered = altered});
  }
  AddHitsByList(common, backups);
  return Finish(common, backups.size(), totals);
}

}  // namespace holdfast::upkeep
