// Are the packs there that a backup needs?
#pragma once

#include <set>

#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "repo/tree.h"

namespace holdfast::restore {

struct NeededPacks {
  std::set<repo::ShortPackId> missing;
  std::uint64_t count = 0;  // of all that are needed
};

// By the backup's list of packs and a listing of those that are there.
NeededPacks LookForPacks(const repo::Repository& repository, const repo::BackupId& backup);

// Does the file's content need one of these packs? Reads its maps and extent lists; one that cannot
// be read counts as needing.
bool NeedsAny(repo::FrameReader& frames, const repo::Content& content,
              const std::set<repo::ShortPackId>& packs);

}  // namespace holdfast::restore
