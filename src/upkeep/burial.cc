#include "upkeep/burial.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/host_name.h"
#include "repo/condemned.h"
#include "repo/pin.h"
#include "repo/protocol_times.h"
#include "repo/snapshot.h"
#include "upkeep/pack_listing.h"
#include "upkeep/tombstone.h"

namespace holdfast::upkeep {

namespace {

using base::Error;
using base::ErrorKind;

// A tombstone may be taken back for so long: prune goes by none that is younger than a grace, and
// may see one for a while after it is gone.
constexpr base::Duration kTakenBackWithin = repo::kGrace - repo::kMaxStaleness;

class Burial {
 public:
  Burial(storage::Storage& storage, const BurialOptions& options)
      : storage_(storage),
        begun_(storage_.StoreTime()),
        contents_(FormatTombstone({.forgotten = begun_,
                                   .host = base::HostName(),
                                   .reason = options.reason,
                                   .even_last = options.even_last})) {}

  void Run(const std::vector<repo::BackupId>& going,
           const std::vector<std::vector<repo::BackupId>>& staying) {
    for (const repo::BackupId& id : going) {
      if (storage_.Put(repo::TombstoneObject(id), contents_) == storage::PutOutcome::kStored) {
        put_.push_back(id);
      }
    }
    CheckPins();
    const repo::SnapshotListing listing = repo::ListSnapshotObjects(storage_);
    for (const std::vector<repo::BackupId>& series : staying) {
      const bool any_left = std::ranges::any_of(series, [&](const repo::BackupId& id) {
        return listing.snapshots.contains(id) && !listing.tombstones.contains(id);
      });
      if (series.empty() || any_left) continue;
      TakeBack(series.front(), "was to be kept and has been forgotten by another meanwhile");
    }
  }

 private:
  void CheckPins() {
    std::set<std::string> sources;
    for (const repo::BackupId& id : put_) sources.insert(id.source);
    const base::Time now = storage_.StoreTime();
    for (const std::string& source : sources) {
      const repo::Pins pins = repo::ListPins(storage_, source);
      for (const repo::BackupId& id : put_) {
        if (repo::IsPinned(pins, id, now)) TakeBack(id, "has been pinned by another meanwhile");
      }
    }
  }

  [[noreturn]] void TakeBack(const repo::BackupId& because_of, std::string_view what) {
    const bool back = !IsTooLate() && TryTakingBack();
    throw Error(ErrorKind::kConflict, fmt::format("backup {} {}", because_of.ToString(), what),
                {fmt::format("{}; look at what is left: holdfast list {}",
                             back ? "nothing was forgotten here"
                                  : "what was to be forgotten is so all the same, as prune may be "
                                    "deleting it by now",
                             because_of.source)});
  }

  bool IsTooLate() { return storage_.StoreTime() - begun_ > kTakenBackWithin; }

  // False: they are there again. A machine that stood still between looking at the clock and
  // removing them may have taken back what is deleted already: look once more, as a commit does.
  bool TryTakingBack() {
    try {
      for (const repo::BackupId& id : put_) (void)storage_.Remove(repo::TombstoneObject(id));
      if (!IsTooLate() && AllWhole()) return true;
    } catch (const Error&) {
      PutAgain();
      throw;
    }
    PutAgain();
    return false;
  }

  void PutAgain() {
    for (const repo::BackupId& id : put_) {
      (void)storage_.Put(repo::TombstoneObject(id), contents_);
    }
  }

  // The lists first: see CheckNeededPacks.
  bool AllWhole() {
    repo::CondemnedPacks condemned;
    condemned.Refresh(storage_);
    const PackListing packs(storage_);
    return std::ranges::all_of(put_, [&](const repo::BackupId& id) {
      return std::ranges::all_of(repo::ReadPackList(storage_, id), [&](const auto& pack) {
        return !condemned.Contains(pack) && packs.Find(pack);
      });
    });
  }

  storage::Storage& storage_;
  const base::Time begun_;
  const base::Bytes contents_;
  std::vector<repo::BackupId> put_;
};

}  // namespace

void Bury(storage::Storage& storage, const std::vector<repo::BackupId>& going,
          const std::vector<std::vector<repo::BackupId>>& staying, const BurialOptions& options) {
  Burial(storage, options).Run(going, staying);
}

}  // namespace holdfast::upkeep
