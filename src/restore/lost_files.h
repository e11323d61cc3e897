// Which files of a backup cannot be restored, because packs are missing or marked as damaged.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "repo/ids.h"
#include "repo/repository.h"
#include "repo/snapshot.h"

namespace holdfast::restore {

// Walks the tree. Of a suspect that is there, what the backup needs of it is read: a mark says that
// something in the pack is altered, perhaps nothing that is needed here. Ascending by path.
// Error(kCorrupt) when the tree itself cannot be read.
std::vector<std::string> FindLostFiles(const repo::Repository& repository,
                                       const repo::Snapshot& backup,
                                       const std::set<repo::ShortPackId>& suspects);

}  // namespace holdfast::restore
