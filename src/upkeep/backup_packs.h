// The packs that backups need, by the lists they carry in clear.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "repo/ids.h"
#include "storage/storage.h"
#include "upkeep/damage_log.h"
#include "upkeep/pack_listing.h"

namespace holdfast::upkeep {

// The backup's list. Empty when it was deleted meanwhile, or is altered: then that is logged, with
// the whole backup as a hit.
std::optional<std::vector<repo::ShortPackId>> ReadNeeded(storage::Storage& storage,
                                                         const repo::BackupId& backup,
                                                         DamageLog& log);

struct NeededPacks {
  std::vector<bool> listed;             // by place in the listing: some backup needs it
  std::set<repo::ShortPackId> missing;  // needed, but not there; logged
};
// The listing is younger than the list of backups: the packs of a backup are put before it.
NeededPacks FindNeeded(storage::Storage& storage, const std::vector<repo::BackupId>& backups,
                       const PackListing& listing, DamageLog& log);

// Those of the backup's packs that are among `packs` (ascending).
std::vector<repo::ShortPackId> NeededAmong(storage::Storage& storage, const repo::BackupId& backup,
                                           const std::vector<repo::ShortPackId>& packs,
                                           DamageLog& log);

}  // namespace holdfast::upkeep
