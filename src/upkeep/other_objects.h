// The objects of a repository beside its packs, by their names alone.
#pragma once

#include <string_view>
#include <vector>

#include "storage/storage.h"
#include "upkeep/damage_log.h"

namespace holdfast::upkeep {

// Those of `source`, or of all when empty, and what the whole repository needs (config, keys),
// ascending by name. Leases and what prune left are of no source: they come with all only.
//
// What is told by names goes to the log: names that nothing of holdfast has are odd, also under
// packs/; a file of the WAL archive with several contents, or the lack of a config, is damage.
std::vector<storage::ObjectInfo> ListOtherObjects(storage::Storage& storage,
                                                  std::string_view source, DamageLog& log);

}  // namespace holdfast::upkeep
