#include "restore/pack_presence.h"

#include <vector>

#include "base/error.h"
#include "repo/content_store.h"
#include "repo/snapshot.h"
#include "repo/stored_check.h"

namespace holdfast::restore {

NeededPacks LookForPacks(const repo::Repository& repository, const repo::BackupId& backup) {
  const std::vector<repo::ShortPackId> needed = repo::ReadPackList(repository.storage(), backup);
  NeededPacks packs{.missing = {needed.begin(), needed.end()}, .count = needed.size()};
  repository.storage().List(repo::kPacksPrefix, {}, [&](const storage::ObjectInfo& object) {
    if (!repo::IsStoredName(object.name)) return;  // somebody's copy beside the packs
    const auto slash = object.name.rfind('/');
    packs.missing.erase(
        repo::ShortPackId::Of(repo::PackId::FromHex(object.name.substr(slash + 1))));
  });
  return packs;
}

bool NeedsAny(repo::FrameReader& frames, const repo::Content& content,
              const std::set<repo::ShortPackId>& packs) {
  bool any = false;
  try {
    repo::ForEachPackOf(frames, content, [&](const repo::PackId& pack) {
      any = any || packs.contains(repo::ShortPackId::Of(pack));
    });
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return true;
  }
  return any;
}

}  // namespace holdfast::restore
