#include "upkeep/settle.h"

#include <set>
#include <string>

#include "repo/ids.h"
#include "repo/snapshot.h"

namespace holdfast::upkeep {

namespace {

std::set<std::string> LiveBackups(storage::Storage& storage, std::string_view source) {
  const repo::SnapshotListing listing = repo::ListSnapshotObjects(storage, source);
  std::set<std::string> live;
  for (const repo::BackupId& id : listing.snapshots) {
    if (!listing.tombstones.contains(id)) live.insert(id.ToString());
  }
  return live;
}

}  // namespace

std::vector<Damage> WithoutRemoved(storage::Storage& storage, std::string_view source,
                                   std::vector<Damage> damages) {
  if (damages.empty()) return damages;
  const std::set<std::string> live = LiveBackups(storage, source);
  std::erase_if(damages, [&](Damage& damage) {
    std::erase_if(damage.hits, [&](const Damage::Hit& hit) { return !live.contains(hit.backup); });
    if (!damage.hits.empty() || damage.object == repo::kConfigObject) return false;
    return !storage.Stat(damage.object).has_value();
  });
  return damages;
}

}  // namespace holdfast::upkeep
