// The end of a verification: what has been removed meanwhile is no damage.
#pragma once

#include <string_view>
#include <vector>

#include "storage/storage.h"
#include "upkeep/verify.h"

namespace holdfast::upkeep {

// Drops the hits of backups of `source` (of all when empty) that are no longer there, and then
// damaged objects that are neither there nor needed.
std::vector<Damage> WithoutRemoved(storage::Storage& storage, std::string_view source,
                                   std::vector<Damage> damages);

}  // namespace holdfast::upkeep
