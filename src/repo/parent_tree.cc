#include "repo/parent_tree.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"

namespace holdfast::repo {

namespace {

// Runs `read`; false when what it reads is missing or altered.
template <typename Read>
bool CanRead(Read&& read) {
  try {
    read();
    return true;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return false;
  }
}

}  // namespace

ParentTree::ParentTree(FrameReader& frames, TreeRoot root, Use use)
    : frames_(frames), root_(std::move(root)), use_(std::move(use)) {}

std::optional<FrameRef> ParentTree::FindSame(const TreeGroupEncoder& group) {
  const std::vector<TreeIndexEntry>& index = Index();
  const auto found =
      std::ranges::lower_bound(index, group.first_path(), {}, &TreeIndexEntry::first_path);
  if (found == index.end() || found->first_path != group.first_path()) return std::nullopt;
  if (!HoldsSame(found->frame, group) || !UseFrom(found->frame.pack)) return std::nullopt;
  return found->frame;
}

const std::vector<TreeIndexEntry>& ParentTree::Index() {
  if (index_) return *index_;
  std::vector<TreeIndexEntry> all;
  for (const FrameRef& ref : root_.index_frames) {
    (void)CanRead([&] {
      std::ranges::move(DecodeTreeIndex(*frames_.ReadKind(ref, FrameKind::kTreeIndex), ref.pack),
                        std::back_inserter(all));
    });
  }
  return index_.emplace(std::move(all));
}

// Frames with the same records need not have the same bytes: one may call its own pack "self" that
// the other calls by its name.
bool ParentTree::HoldsSame(const FrameRef& frame, const TreeGroupEncoder& group) {
  TreeGroupEncoder theirs([](const PackId& pack) { return pack; });
  const bool read = CanRead([&] {
    const auto bytes = frames_.ReadKind(frame, FrameKind::kTree);
    TreeGroupDecoder decoder(*bytes, frame.pack);
    while (const std::optional<TreeEntry> entry = decoder.Next()) theirs.Add(*entry);
  });
  return read && theirs.Encode(theirs.packs()) == group.Encode(group.packs());
}

bool ParentTree::UseFrom(const PackId& pack) {
  if (packs_.contains(pack)) return true;
  if (packs_.size() == kMaxSharedTreePacks || !use_(pack)) return false;
  packs_.insert(pack);
  return true;
}

}  // namespace holdfast::repo
