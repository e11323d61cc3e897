// Which files of a backup cannot be restored, because packs are missing or marked as damaged.
#pragma once

#include <functional>

#include "repo/repository.h"
#include "repo/snapshot.h"
#include "repo/tree.h"
#include "restore/pack_presence.h"

namespace holdfast::restore {

// Walks the tree, ascending by path. Of a suspect that is there, what the backup needs of it is
// read: a mark says that something in the pack is altered, perhaps nothing that is needed here.
// Error(kCorrupt) when the tree itself cannot be read.
void ForEachLostFile(const repo::Repository& repository, const repo::Snapshot& backup,
                     const NeededPacks& packs,
                     const std::function<void(const repo::TreeEntry&)>& visit);

}  // namespace holdfast::restore
