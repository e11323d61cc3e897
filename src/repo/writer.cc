#include "repo/writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/time_text.h"
#include "repo/snapshot_codec.h"
#include "repo/withdrawal.h"
#include "repo/writer_state.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr int kMaxChecks = 3;

LeaseDraft LeaseOf(const WriterOptions& options) {
  LeaseDraft draft{.kind = "backup", .pins = {}, .log = options.log_start, .backup = options.id};
  if (options.parent) draft.pins.push_back(*options.parent);
  // What is made and pinned at once gives way to itself: prune deletes nothing while it is not
  // seen.
  if (options.in_place_of && options.parent != options.id) draft.pins.push_back(options.id);
  return draft;
}

// After the lease was put: from then on, prune spares it.
void CheckParent(storage::Storage& storage, const BackupId& parent) {
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorKind::kConflict,
                fmt::format("the parent backup {} {}", parent.ToString(), why));
  };
  if (!storage.Stat(SnapshotObject(parent))) refuse("is gone");
  if (storage.Stat(TombstoneObject(parent))) refuse("is being deleted");
}

struct ChainEnd {
  std::uint64_t sequence = 0;
  std::optional<codec::Digest> digest;
};

// The source's snapshot with the highest sequence number, tombstoned ones too: names are in the
// order of a clock that may have been set back. One that cannot be read cannot be counted; that
// must not stop new backups.
ChainEnd FindChainEnd(const Repository& repository, std::string_view source) {
  ChainEnd end;
  std::optional<BackupId> last;
  for (const BackupId& id : ListSnapshotObjects(repository.storage(), source).snapshots) {
    try {
      const std::uint64_t sequence = ReadSnapshot(repository, id).sequence;
      if (last && sequence < end.sequence) continue;
      end.sequence = sequence;
      last = id;
    } catch (const Error& error) {
      const ErrorKind kind = error.kind();
      if (kind == ErrorKind::kCorrupt || kind == ErrorKind::kUsage ||
          kind == ErrorKind::kNotFound) {
        continue;
      }
      throw;
    }
  }
  if (!last) return end;
  if (const auto object = repository.storage().Get(SnapshotObject(*last))) {
    end.digest = codec::Sha256(*object);
  }
  return end;
}

// A verification may have found what this backup was built on meanwhile.
void CheckDamageMarks(storage::Storage& storage, DamagedPacks& damaged, const NeededPacks& needed) {
  damaged.Refresh(storage);
  for (const auto& [pack, size] : needed) {
    if (!damaged.Contains(pack)) continue;
    throw Error(
        ErrorKind::kConflict,
        fmt::format("pack {}, which this backup needs, was found damaged meanwhile", pack.ToHex()),
        {"run the backup again: it will store that content anew"});
  }
}

std::vector<ShortPackId> ShortIds(const NeededPacks& needed) {
  std::vector<ShortPackId> ids;
  ids.reserve(needed.size());
  for (const auto& [pack, size] : needed) ids.push_back(ShortPackId::Of(pack));
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

// Whether it was stored although its put failed: the answer may have been lost.
bool ShowsAllTheSame(storage::Storage& storage, const std::string& object,
                     base::ByteView contents) {
  try {
    const std::optional<base::Bytes> there = storage.Get(object);
    return there && base::Equal(*there, contents);
  } catch (const Error&) {
    return false;
  }
}

// Already there: by an attempt of ours whose answer was lost, or somebody else's.
void PutSnapshot(storage::Storage& storage, const BackupId& id, base::ByteView contents) {
  const std::string object = SnapshotObject(id);
  try {
    if (storage.Put(object, contents) == storage::PutOutcome::kStored) return;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUnavailable && ShowsAllTheSame(storage, object, contents))
      return;
    throw;
  }
  const std::optional<base::Bytes> there = storage.Get(object);
  if (!there) {
    throw Error(ErrorKind::kUnavailable,
                fmt::format("the store says that {} is there, and does not show it", object));
  }
  if (base::Equal(*there, contents)) return;
  throw Error(ErrorKind::kConflict,
              fmt::format("there is another backup called {} already", id.ToString()));
}

// The record that is to give way, as it lies there.
std::optional<base::Bytes> ReadReplaced(storage::Storage& storage, const BackupId& id,
                                        const ReplacedRecord& record) {
  std::optional<base::Bytes> there = storage.Get(SnapshotObject(id));
  if (storage.Stat(TombstoneObject(id))) {
    throw Error(ErrorKind::kConflict,
                fmt::format("backup {} was forgotten meanwhile", id.ToString()));
  }
  if (there && codec::Sha256(*there) != record.object) {
    throw Error(ErrorKind::kConflict,
                fmt::format("the record of backup {} is another by now", id.ToString()),
                {"was it repaired by somebody else? verify it"});
  }
  return there;
}

// A damaged backup is better than none: its record keeps what is left of it from prune. What is
// there may be the old record still, or somebody else's: that stays.
void PutBack(storage::Storage& storage, const BackupId& id, base::ByteView ours, base::ByteView old,
             Error& why) {
  const std::string object = SnapshotObject(id);
  try {
    const std::optional<base::Bytes> there = storage.Get(object);
    if (there && !base::Equal(*there, ours)) return;
    if (there) (void)storage.Remove(object);
    (void)storage.Put(object, old);
  } catch (const Error& error) {
    why.AddHint(
        fmt::format("the damaged record of {} may be gone: if it is not listed, copy the backup "
                    "here again ({})",
                    id.ToString(), error.message()));
  }
}

// Its place among the source's backups.
ChainEnd PlaceOf(const Repository& repository, const WriterOptions& options) {
  if (options.in_place_of && options.in_place_of->sequence) {
    return {.sequence = *options.in_place_of->sequence, .digest = options.in_place_of->previous};
  }
  ChainEnd place = FindChainEnd(repository, options.id.source);
  ++place.sequence;
  return place;
}

// Prune may have forgotten by now which packs it deleted before this backup began to be made.
void CheckAge(storage::Storage& storage, const Lease& lease) {
  const base::Duration age = storage.StoreTime() - lease.started();
  if (age <= kLongestBackup) return;
  throw Error(ErrorKind::kConflict,
              fmt::format("this backup has been running for {}, longer than any may ({})",
                          base::FormatDuration(age), base::FormatDuration(kLongestBackup)),
              {"run the backup again: it stores only what is not there yet"});
}

void Withdraw(storage::Storage& storage, const BackupId& id, const WithdrawalSecret& secret,
              Error& why) {
  try {
    PutWithdrawal(storage, id, secret);
  } catch (const Error& error) {
    why.AddHint(
        fmt::format("backup {} may be listed, and lack something: forget it by its name ({})",
                    id.ToString(), error.message()));
  }
}

}  // namespace

Writer::State::State(Writer& writer, const Repository& repository_in, WriterOptions options_in)
    : repository(repository_in), options(std::move(options_in)), meta(writer) {}

void Writer::State::PutPack(const PackId& provisional, FinishedPack pack) {
  // Already there is fine: its salt is random, so it is ours, of a put whose answer was lost.
  const storage::PutOutcome outcome = repository.storage().Put(PackObject(pack.id), pack.contents);
  {
    const std::scoped_lock lock(mutex);
    needed[pack.id] = pack.contents.size();
    ++stats.packs;
    if (outcome == storage::PutOutcome::kStored) stats.bytes_stored += pack.contents.size();
  }
  names.Bind(provisional, pack.id);
}

Writer::Writer(const Repository& repository, WriterOptions options)
    : state_(std::make_unique<State>(*this, repository, std::move(options))) {
  repository.CheckMayWrite();
  storage::Storage& storage = repository.storage();
  state_->lease.emplace(repository, LeaseOf(state_->options));
  if (state_->options.parent) CheckParent(storage, *state_->options.parent);
  state_->condemned.Refresh(storage);
  state_->damaged.Add(state_->options.altered);
  state_->damaged.Refresh(storage);
}

Writer::~Writer() = default;

MetaWriter& Writer::meta() { return state_->meta; }
PackNames& Writer::names() { return state_->names; }
const WriterOptions& Writer::options() const { return state_->options; }

WriterStats Writer::stats() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->stats;
}

void Writer::KeepAlive() {
  if (state_->lease) state_->lease->KeepAlive();
}

PackId Writer::PutPack(PackBuilder pack) {
  FinishedPack finished = pack.Finish();
  const PackId id = finished.id;
  state_->PutPack(state_->names.NewProvisional(), std::move(finished));
  return id;
}

void Writer::Use(const PackId& pack) {
  if (pack.IsSelf()) throw Error(ErrorKind::kInternal, "a backup uses a pack without a name");
  const std::scoped_lock lock(state_->mutex);
  if (state_->needed.contains(pack)) return;
  if (state_->condemned.Contains(pack)) {
    throw Error(ErrorKind::kConflict, fmt::format("pack {} is condemned", pack.ToHex()));
  }
  if (state_->damaged.Contains(pack)) {
    throw Error(ErrorKind::kConflict, fmt::format("pack {} is damaged", pack.ToHex()));
  }
  state_->needed.emplace(pack, std::nullopt);
}

bool Writer::IsCondemned(const PackId& pack) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->condemned.Contains(pack);
}

bool Writer::IsMarkedDamaged(const PackId& pack) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->damaged.Contains(pack);
}

Snapshot Writer::Commit(SnapshotDraft draft) {
  State& state = *state_;
  storage::Storage& storage = state.repository.storage();
  const BackupId& id = state.options.id;
  state.meta.Flush();
  for (FrameRef& ref : draft.tree.index_frames) {
    ref.pack = state.names.Named(ref.pack);
    Use(ref.pack);
  }
  const std::scoped_lock lock(state.mutex);
  const std::vector<ShortPackId> packs = ShortIds(state.needed);
  const ChainEnd place = PlaceOf(state.repository, state.options);
  const WithdrawalSecret secret = WithdrawalSecret::New();
  Snapshot snapshot{.id = id,
                    .facts = std::move(draft),
                    .sequence = place.sequence,
                    .previous = place.digest,
                    .withdrawal = secret.Digest(),
                    .pack_count = packs.size()};
  const base::Bytes contents = EncodeSnapshot(state.repository.keyring(), snapshot, packs);

  state.repository.CheckStillThere();
  CheckDamageMarks(storage, state.damaged, state.needed);
  for (int checks = 1;; ++checks) {
    const base::Time begun = storage.StoreTime();
    CheckNeededPacks(storage, state.condemned, state.needed);
    CheckAge(storage, *state.lease);
    if (storage.StoreTime() - begun <= kMaxCheckAge) break;
    if (checks == kMaxChecks) {
      throw Error(ErrorKind::kUnavailable, "looking at the repository's packs takes too long");
    }
  }
  std::optional<base::Bytes> old;
  if (state.options.in_place_of) old = ReadReplaced(storage, id, *state.options.in_place_of);
  bool may_be_ours = true;
  try {
    // From here to the put the backup is not there; the lease tells prune.
    if (old) (void)storage.Remove(SnapshotObject(id));
    try {
      PutSnapshot(storage, id, contents);
    } catch (const Error& error) {
      // Perhaps it is there. Of another backup of this name nothing must be withdrawn.
      may_be_ours = error.kind() != ErrorKind::kConflict;
      throw;
    }
    // A machine that was suspended since the check may have published too late: look once more.
    CheckNeededPacks(storage, state.condemned, state.needed);
  } catch (Error& error) {
    if (old) {
      PutBack(storage, id, contents, *old, error);
    } else if (may_be_ours) {
      Withdraw(storage, id, secret, error);
    }
    throw;
  }
  state.lease.reset();
  return snapshot;
}

}  // namespace holdfast::repo
