#include "upkeep/backup_packs.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/error.h"
#include "repo/snapshot.h"

namespace holdfast::upkeep {

using base::Error;
using base::ErrorKind;

std::optional<std::vector<repo::ShortPackId>> ReadNeeded(storage::Storage& storage,
                                                         const repo::BackupId& backup,
                                                         DamageLog& log) {
  try {
    return repo::ReadPackList(storage, backup);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kNotFound) return std::nullopt;
    if (error.kind() == ErrorKind::kUsage) {
      log.AddNewer(backup, error.message());
      return std::nullopt;
    }
    if (error.kind() != ErrorKind::kCorrupt) throw;
    const std::string object = repo::SnapshotObject(backup);
    log.Add(object, error.message());
    log.AddHit(object, {.backup = backup.ToString()});
    return std::nullopt;
  }
}

NeededPacks FindNeeded(storage::Storage& storage, const std::vector<repo::BackupId>& backups,
                       const PackListing& listing, DamageLog& log) {
  NeededPacks needed{.listed = std::vector<bool>(listing.packs().size()), .missing = {}};
  for (const repo::BackupId& backup : backups) {
    const auto packs = ReadNeeded(storage, backup, log);
    if (!packs) continue;
    for (const repo::ShortPackId& pack : *packs) {
      if (const auto place = listing.Find(pack)) {
        needed.listed[*place] = true;
      } else if (!needed.missing.contains(pack) && !IsThere(storage, pack)) {
        needed.missing.insert(pack);
        log.AddPack(pack, "it is missing");
      }
    }
  }
  return needed;
}

std::vector<repo::ShortPackId> NeededAmong(storage::Storage& storage, const repo::BackupId& backup,
                                           const std::vector<repo::ShortPackId>& packs,
                                           DamageLog& log) {
  std::vector<repo::ShortPackId> among;
  if (packs.empty()) return among;
  if (const auto needed = ReadNeeded(storage, backup, log)) {
    std::ranges::set_intersection(*needed, packs, std::back_inserter(among));
  }
  return among;
}

}  // namespace holdfast::upkeep
