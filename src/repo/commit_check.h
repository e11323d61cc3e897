// Is everything there that a snapshot needs? Asked just before it is put, and just after.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "repo/condemned.h"
#include "repo/ids.h"
#include "storage/storage.h"

namespace holdfast::repo {

// With their sizes where the writer knows them: of the packs that it put itself.
using NeededPacks = std::map<PackId, std::optional<std::uint64_t>>;

// Looks at the condemned lists first, then at the packs. The order matters: prune removes a list
// only when none of its packs is left, so a pack that is deleted meanwhile shows in one of the two
// looks. Error(kConflict) names a pack that is condemned or gone.
void CheckNeededPacks(storage::Storage& storage, CondemnedPacks& condemned,
                      const NeededPacks& needed);

}  // namespace holdfast::repo
