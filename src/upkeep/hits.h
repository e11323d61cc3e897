// Which files and pages of which backups a set of bad packs and frames takes with it.
#pragma once

#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "upkeep/damage_log.h"

namespace holdfast::upkeep {

// Walks the tree of `snapshot` and adds a hit to the log for every file that needs something bad.
// What of the tree itself cannot be read is added as a hit of the whole backup.
void FindHits(const repo::Snapshot& snapshot, repo::FrameReader& frames, const BadPacks& bad,
              DamageLog& log);

}  // namespace holdfast::upkeep
