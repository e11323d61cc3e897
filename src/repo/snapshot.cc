#include "repo/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "repo/snapshot_codec.h"
#include "repo/withdrawal.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

// Enough for the head of any but a huge cluster's snapshot: lists need no pack list.
constexpr std::uint64_t kHeadGuess = 64 * base::kKiB;

Error NoSuchBackup(const BackupId& id) {
  return {ErrorKind::kNotFound, fmt::format("there is no backup {}", id.ToString())};
}

struct LoadedHead {
  SnapshotHead head;
  base::Bytes start;
  bool whole = false;  // `start` is all of the object
};

LoadedHead LoadHead(storage::Storage& storage, const BackupId& id) {
  std::uint64_t length = kHeadGuess;
  while (true) {
    std::optional<base::Bytes> start = storage.GetRange(SnapshotObject(id), 0, length);
    if (!start) throw NoSuchBackup(id);
    SnapshotHeadOrNeed parsed = ParseSnapshotHead(id, *start);
    const bool whole = start->size() < length;
    if (parsed.head) return {std::move(*parsed.head), std::move(*start), whole};
    if (whole) {
      throw Error(ErrorKind::kCorrupt, fmt::format("backup {} was cut short", id.ToString()));
    }
    length = parsed.need;
  }
}

std::string SnapshotsPrefix(std::string_view source) {
  if (source.empty()) return std::string(kSnapshotsPrefix);
  CheckSourceName(source);
  return fmt::format("{}{}/", kSnapshotsPrefix, source);
}

std::optional<BackupId> ParseId(std::string_view text) {
  try {
    return BackupId::Parse(text);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool CanBeHandedOn(ErrorKind kind) {
  return kind == ErrorKind::kCorrupt || kind == ErrorKind::kUsage;
}

// "20261121T070003Z" of "20261121T070003Z-4f2a".
std::string_view SecondOf(const BackupId& id) {
  return std::string_view(id.name).substr(0, id.name.rfind('-'));
}

// `backups` ascend by name. What follows the second there is random.
std::optional<BackupId> LatestOf(const Repository& repository,
                                 const std::vector<BackupId>& backups) {
  std::vector<BackupId> last;
  for (auto id = backups.rbegin(); id != backups.rend(); ++id) {
    if (SecondOf(*id) != SecondOf(backups.back())) break;
    last.push_back(*id);
  }
  if (last.size() <= 1) return last.empty() ? std::nullopt : std::optional(last.front());
  std::optional<Snapshot> latest;
  for (const BackupId& id : last) {
    try {
      Snapshot snapshot = ReadSnapshot(repository, id);
      if (!latest || IsEarlier(*latest, snapshot)) latest = std::move(snapshot);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kNotFound) throw;  // else pruned since it was listed
    }
  }
  return latest ? std::optional(latest->id) : std::nullopt;
}

}  // namespace

bool IsEarlier(const Snapshot& a, const Snapshot& b) {
  return std::tie(a.facts.started, a.sequence, a.id) < std::tie(b.facts.started, b.sequence, b.id);
}

std::optional<SnapshotName> ParseSnapshotName(std::string_view object) {
  if (!object.starts_with(kSnapshotsPrefix)) return std::nullopt;
  object.remove_prefix(kSnapshotsPrefix.size());
  auto what = SnapshotName::What::kSnapshot;
  if (object.ends_with(kTombstoneSuffix)) {
    what = SnapshotName::What::kTombstone;
    object.remove_suffix(kTombstoneSuffix.size());
  } else if (object.ends_with(kWithdrawalSuffix)) {
    what = SnapshotName::What::kWithdrawal;
    object.remove_suffix(kWithdrawalSuffix.size());
  }
  const std::optional<BackupId> id = ParseId(object);
  return id ? std::optional(SnapshotName{*id, what}) : std::nullopt;
}

SnapshotListing ListSnapshotObjects(storage::Storage& storage, std::string_view source) {
  SnapshotListing listing;
  std::vector<BackupId> withdrawn;
  storage.List(SnapshotsPrefix(source), "", [&](const storage::ObjectInfo& object) {
    const std::optional<SnapshotName> name = ParseSnapshotName(object.name);
    if (!name) {
      listing.foreign.push_back(object.name);
    } else if (name->what == SnapshotName::What::kWithdrawal) {
      withdrawn.push_back(name->id);
    } else {
      const bool tombstone = name->what == SnapshotName::What::kTombstone;
      (tombstone ? listing.tombstones : listing.snapshots).insert(name->id);
    }
  });
  for (const BackupId& id : withdrawn) {
    if (listing.snapshots.contains(id) && IsWithdrawn(storage, id)) listing.tombstones.insert(id);
  }
  return listing;
}

std::vector<BackupId> ListBackups(const Repository& repository, std::string_view source) {
  const SnapshotListing listing = ListSnapshotObjects(repository.storage(), source);
  std::vector<BackupId> backups;
  std::ranges::set_difference(listing.snapshots, listing.tombstones, std::back_inserter(backups));
  return backups;
}

std::vector<std::string> ListSources(const Repository& repository) {
  std::vector<std::string> sources;
  for (BackupId& id : ListBackups(repository)) {
    if (sources.empty() || sources.back() != id.source) sources.push_back(std::move(id.source));
  }
  return sources;
}

Snapshot ReadSnapshot(const Repository& repository, const BackupId& id) {
  const LoadedHead loaded = LoadHead(repository.storage(), id);
  // What came along is looked at: a list then names a backup that no restore would take.
  if (loaded.whole) (void)ParsePackList(id, loaded.start);
  return OpenSnapshot(repository.keyring(), loaded.head, loaded.start);
}

std::vector<Snapshot> ReadSnapshots(
    const Repository& repository, std::string_view source,
    const std::function<void(const BackupId&, const base::Error&)>& damaged) {
  std::vector<Snapshot> snapshots;
  for (const BackupId& id : ListBackups(repository, source)) {
    try {
      snapshots.push_back(ReadSnapshot(repository, id));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kNotFound) continue;  // pruned since it was listed
      // A store that does not answer says nothing about the backup.
      if (!damaged || !CanBeHandedOn(error.kind())) throw;
      damaged(id, error);
    }
  }
  std::ranges::sort(snapshots, IsEarlier);
  return snapshots;
}

std::vector<ShortPackId> ReadPackList(storage::Storage& storage, const BackupId& id) {
  const std::optional<base::Bytes> object = storage.Get(SnapshotObject(id));
  if (!object) throw NoSuchBackup(id);
  return ParsePackList(id, *object);
}

PlainSnapshot ReadPlainSnapshot(storage::Storage& storage, const BackupId& id) {
  return LoadHead(storage, id).head.plain;
}

BackupId ResolveBackup(const Repository& repository, std::string_view text) {
  const auto not_found = [&] {
    return Error(ErrorKind::kNotFound, fmt::format("no backup is called '{}'", text),
                 {"see which there are: holdfast list"});
  };
  const std::size_t slash = text.find('/');
  const std::string_view source = text.substr(0, slash == std::string_view::npos ? 0 : slash);
  if (text.empty()) throw not_found();
  const std::vector<BackupId> backups = ListBackups(repository, source);
  if (slash != std::string_view::npos && text.substr(slash + 1) == "latest") {
    const std::optional<BackupId> latest = LatestOf(repository, backups);
    if (!latest) throw not_found();
    return *latest;
  }
  std::vector<BackupId> matches;
  std::ranges::copy_if(backups, std::back_inserter(matches), [&](const BackupId& id) {
    return id.ToString().starts_with(text) || id.name.starts_with(text);
  });
  if (matches.empty()) throw not_found();
  if (matches.size() > 1) {
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}' could be {} backups, {} and {} among them", text, matches.size(),
                            matches.front().ToString(), matches.back().ToString()),
                {"give more of the name; see which there are: holdfast list"});
  }
  return matches.front();
}

}  // namespace holdfast::repo
