#include "replicate/heal.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "replicate/backup_copy.h"
#include "repo/lease.h"
#include "repo/pin.h"
#include "repo/same_backup.h"
#include "wal/archive.h"
#include "wal/archive_check.h"

namespace holdfast::replicate {

namespace {

using base::Error;
using base::ErrorKind;

class Healing {
 public:
  Healing(const repo::Repository& from, const repo::Repository& damaged, const HealRequest& request,
          HealResult& result, base::Reporter& report)
      : from_(from),
        damaged_(damaged),
        request_(request),
        report_(report),
        notes_(from, damaged, std::nullopt, report),
        result_(result) {
    const auto unreadable = [](const repo::BackupId&, const Error&) {};
    for (repo::Snapshot& backup : repo::ReadSnapshots(from, request.source, unreadable)) {
      ours_.emplace(backup.id, std::move(backup));
    }
    const auto not_theirs = [this](const repo::BackupId& id, const Error& error) {
      if (error.kind() == ErrorKind::kCorrupt) return;
      unknown_.emplace(id, error);
    };
    for (repo::Snapshot& backup : repo::ReadSnapshots(damaged, request.source, not_theirs)) {
      theirs_.emplace(backup.id, std::move(backup));
    }
  }

  void Run(const std::stop_token& stop) {
    if (!request_.options.dry_run) {
      damaged_.CheckMayWrite();
      PinOrigin();
    }
    for (const repo::BackupId& id : request_.backups) {
      base::ThrowIfStopped(stop);
      const auto ours = ours_.find(id);
      if (ours == ours_.end()) continue;
      try {
        HealOne(ours->second, stop);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kCorrupt && error.kind() != ErrorKind::kConflict) throw;
        result_.failures.push_back({.what = "backup " + id.ToString(), .error = error});
      }
    }
  }

 private:
  // A prune there must not take away what is being read.
  void PinOrigin() {
    repo::LeaseDraft draft{.kind = "copy", .pins = {}, .log = std::nullopt};
    for (const repo::BackupId& id : request_.backups) {
      if (ours_.contains(id)) draft.pins.push_back(id);
    }
    if (draft.pins.empty()) return;
    try {
      lease_.emplace(from_, std::move(draft));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kDenied && error.kind() != ErrorKind::kUnavailable) throw;
      report_.Warn(
          fmt::format("the copy cannot be written to, so nothing keeps a prune from "
                      "deleting parts of it meanwhile: {}",
                      error.message()));
    }
  }

  // Empty when the record is gone: then there is nothing to heal but a whole backup to copy. Also
  // when it is another by now: somebody healed it.
  std::optional<repo::ReplacedRecord> RecordOf(const repo::Snapshot& backup) const {
    const auto object = damaged_.storage().Get(repo::SnapshotObject(backup.id));
    if (!object) return std::nullopt;
    // What a newer program wrote is not damaged.
    if (const auto unknown = unknown_.find(backup.id); unknown != unknown_.end()) {
      throw Error(ErrorKind::kConflict, unknown->second.message(), unknown->second.hints());
    }
    repo::ReplacedRecord record{.object = codec::Sha256(*object)};
    const auto found = request_.records.find(backup.id);
    if (found != request_.records.end() && found->second != record.object) return std::nullopt;
    if (const auto read = theirs_.find(backup.id); read != theirs_.end()) {
      record.sequence = read->second.sequence;
      record.previous = read->second.previous;
    } else {
      record.sequence = PlaceFor(backup);
    }
    return record;
  }

  // That of the one before it, else of the one behind it: of two that have the same, the start
  // decides. Its own was in the record.
  std::optional<std::uint64_t> PlaceFor(const repo::Snapshot& backup) const {
    std::optional<std::uint64_t> before;
    std::optional<std::uint64_t> behind;
    for (const auto& [id, other] : theirs_) {
      if (std::tie(other.facts.started, id) < std::tie(backup.facts.started, backup.id)) {
        before = std::max(before.value_or(0), other.sequence);
      } else {
        behind = std::min(behind.value_or(other.sequence), other.sequence);
      }
    }
    return before ? before : behind;
  }

  // The backup itself, as far as it is left, else another that is in both.
  std::optional<SharedBackup> SharedFor(const repo::Snapshot& backup) const {
    const auto theirs = theirs_.find(backup.id);
    if (theirs != theirs_.end()) return SharedBackup{.from = backup, .to = theirs->second};
    std::optional<SharedBackup> best;
    for (const auto& [id, other] : ours_) {
      const auto same = theirs_.find(id);
      if (same == theirs_.end() || !repo::SayTheSame(other.facts, same->second.facts)) continue;
      if (!best || id < backup.id) best = SharedBackup{.from = other, .to = same->second};
    }
    return best;
  }

  // A prune that looks while the record gives way takes old pins for those of a backup that is
  // gone, and never young ones. Returns the old ones.
  std::vector<repo::Pin> RenewPins(const repo::BackupId& id) const {
    storage::Storage& storage = damaged_.storage();
    const repo::Pins pins = repo::ListPins(storage, id.source);
    const auto found = pins.find(id);
    if (found == pins.end()) return {};
    for (const repo::Pin& pin : found->second) repo::PutPin(storage, id, pin.until);
    return found->second;
  }

  void HealOne(const repo::Snapshot& backup, const std::stop_token& stop) {
    const auto theirs = theirs_.find(backup.id);
    if (theirs != theirs_.end() && !repo::SayTheSame(backup.facts, theirs->second.facts)) {
      throw Error(ErrorKind::kConflict, "another backup is called so in the copy");
    }
    const std::optional<repo::ReplacedRecord> record = RecordOf(backup);
    if (!record) return;
    result_.healed.push_back(backup.id);
    if (request_.options.dry_run) return;
    const BackupCopyContext context{.from = from_,
                                    .to = damaged_,
                                    .options = request_.options,
                                    .notes = notes_,
                                    .report = report_,
                                    .keep_alive =
                                        [this] {
                                          if (lease_) lease_->KeepAlive();
                                        },
                                    .in_place_of = record,
                                    .altered = request_.altered};
    try {
      const std::vector<repo::Pin> old_pins = RenewPins(backup.id);
      CopiedBackup copied = CopyBackup(context, backup, SharedFor(backup), stop);
      for (const repo::Pin& pin : old_pins) (void)damaged_.storage().Remove(pin.object);
      result_.packs += copied.packs;
      result_.bytes_stored += copied.bytes_stored;
      theirs_.insert_or_assign(backup.id, std::move(copied.snapshot));
    } catch (const Error&) {
      result_.healed.pop_back();
      throw;
    }
  }

  const repo::Repository& from_;
  const repo::Repository& damaged_;
  const HealRequest& request_;
  base::Reporter& report_;
  CopyNotes notes_;
  HealResult& result_;
  std::optional<repo::Lease> lease_;
  std::map<repo::BackupId, repo::Snapshot> ours_;
  std::map<repo::BackupId, repo::Snapshot> theirs_;
  std::map<repo::BackupId, Error> unknown_;  // theirs, that cannot be read and are not damaged
};

void HealFile(const repo::Repository& from, const repo::Repository& damaged,
              const std::string& object, const wal::WalObjectName& name, bool dry_run,
              LogHeal& heal) {
  const std::string file = name.file.substr(name.file.rfind('/') + 1);
  const auto contents = wal::Archive(from, name.source).Get(name.system, file);
  if (!contents) return;
  // Compares the content with the digest in the damaged object's name, and replaces that only.
  if (!dry_run) (void)wal::Archive(damaged, name.source).Put(name.system, file, *contents);
  heal.healed.push_back(object);
}

}  // namespace

void HealBackups(const repo::Repository& from, const repo::Repository& damaged,
                 const HealRequest& request, HealResult& result, base::Reporter& report,
                 const std::stop_token& stop) {
  from.RequireContentKey("bringing back what is lost");
  Healing(from, damaged, request, result, report).Run(stop);
}

LogHeal HealLog(const repo::Repository& from, const repo::Repository& damaged,
                const std::vector<std::string>& objects, bool dry_run,
                const std::stop_token& stop) {
  LogHeal heal;
  for (const std::string& object : objects) {
    base::ThrowIfStopped(stop);
    const auto name = wal::ParseWalObjectName(object);
    if (!name || name->file.empty()) continue;
    try {
      HealFile(from, damaged, object, *name, dry_run, heal);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kCorrupt && error.kind() != ErrorKind::kConflict) throw;
      heal.failures.push_back({.what = object, .error = error});
    }
  }
  return heal;
}

}  // namespace holdfast::replicate
