// Putting tombstones, so that two who forget, or one who forgets and one who pins, never get in
// each other's way.
#pragma once

#include <string>
#include <vector>

#include "repo/ids.h"
#include "storage/storage.h"

namespace holdfast::upkeep {

struct BurialOptions {
  std::string reason;
  bool even_last = false;
};

// Puts the tombstones of `going`; takes them back when, because of another's, a source would be
// left with nothing, and when one of the backups was pinned meanwhile: whoever pins looks for a
// tombstone after that, so one of both sees the other. Then Error(kConflict). `staying`: the good
// backups that are kept, by what they stand for.
void Bury(storage::Storage& storage, const std::vector<repo::BackupId>& going,
          const std::vector<std::vector<repo::BackupId>>& staying, const BurialOptions& options);

}  // namespace holdfast::upkeep
