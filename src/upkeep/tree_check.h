// Walks the tree of a backup and finds which of its files are hit by damage.
#pragma once

#include <set>
#include <stop_token>

#include "repo/ids.h"
#include "repo/snapshot.h"
#include "upkeep/file_check.h"

namespace holdfast::upkeep {

// Checks every file; a frame of the tree itself that cannot be had is a hit of the whole backup.
// Returns the packs whose damage hits the backup.
std::set<repo::ShortPackId> CheckTree(const FileCheckContext& context, const repo::Snapshot& backup,
                                      const std::stop_token& stop);

}  // namespace holdfast::upkeep
