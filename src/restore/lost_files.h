// Which files of a backup cannot be restored, because packs are missing or marked as damaged.
#pragma once

#include <functional>

#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "repo/tree.h"
#include "restore/pack_presence.h"

namespace holdfast::restore {

// One file. Its maps and extent lists are read, and of suspects that are there what the file needs:
// a mark says that something in the pack is altered, perhaps nothing that is needed here.
bool IsLost(repo::FrameReader& frames, const repo::Content& content, const NeededPacks& packs);

// Walks the tree, ascending by path. Error(kCorrupt) when the tree itself cannot be read.
void ForEachLostFile(const repo::Repository& repository, const repo::Snapshot& backup,
                     const NeededPacks& packs,
                     const std::function<void(const repo::TreeEntry&)>& visit);

}  // namespace holdfast::restore
