// The tree of a backup, rewritten for the target's packs.
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "replicate/copy_notes.h"
#include "replicate/pack_pairs.h"
#include "replicate/sides.h"
#include "repo/tree.h"
#include "repo/writer.h"

namespace holdfast::replicate {

// The packs of content that the tree needs and that have no pair yet, ascending. Finds pairs in the
// notes, and learns them from the backup that is in both, if there is one.
std::vector<repo::PackId> PacksToCopy(const Sides& sides, const CopyNotes& notes, PackPairs& pairs,
                                      const repo::TreeRoot& tree,
                                      const std::optional<SharedBackup>& shared,
                                      const std::stop_token& stop);

// Writes the tree with all its maps and extent lists, once every pack of content has its pair.
// Files without pages are read again, compared with their digests, and get digests of the target.
// What the backup that is in both holds in the same form is referred to.
repo::TreeRoot CopyTree(const Sides& sides, repo::Writer& writer, const PackPairs& pairs,
                        const repo::TreeRoot& tree, const std::optional<SharedBackup>& shared,
                        const std::stop_token& stop);

}  // namespace holdfast::replicate
