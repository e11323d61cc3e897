// Tree frames of an earlier backup, for a new one to refer to instead of storing the same records
// again.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "repo/frame_reader.h"
#include "repo/ids.h"
#include "repo/tree.h"
#include "repo/tree_codec.h"

namespace holdfast::repo {

// A tree is read from few packs: it shares frames of at most this many of them, so that it does not
// end up scattered over those of all the backups before it.
inline constexpr std::size_t kMaxSharedTreePacks = 16;

// Not thread-safe.
class ParentTree {
 public:
  // May the new backup refer to this pack? Counts it as used if so.
  using Use = std::function<bool(const PackId&)>;
  ParentTree(FrameReader& frames, TreeRoot root, Use use);

  // The frame that holds exactly these records. None where the parent's cannot be read either: who
  // walks through the whole tree finds that out, and says so.
  std::optional<FrameRef> FindSame(const TreeGroupEncoder& group);

 private:
  const std::vector<TreeIndexEntry>& Index();
  bool HoldsSame(const FrameRef& frame, const TreeGroupEncoder& group);
  bool UseFrom(const PackId& pack);

  FrameReader& frames_;
  const TreeRoot root_;
  const Use use_;
  std::optional<std::vector<TreeIndexEntry>> index_;  // of the index frames that can be read
  std::set<PackId> packs_;                            // of frames that are shared
};

}  // namespace holdfast::repo
