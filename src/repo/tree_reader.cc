#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "repo/frame_reader.h"
#include "repo/tree.h"
#include "repo/tree_codec.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

// One tree frame being read; the decoder looks into the frame.
struct OpenGroup {
  std::shared_ptr<const base::Bytes> frame;
  TreeGroupDecoder decoder;
  bool begun = false;
};

}  // namespace

struct TreeReader::State {
  FrameReader& frames;
  const TreeRoot root;
  const OnDamage on_damage;

  std::optional<std::vector<TreeIndexEntry>> index;
  std::optional<OpenGroup> group;
  std::size_t next_group = 0;
  std::uint64_t entries = 0;
  std::optional<std::string> last_path;
  bool skipped = false;

  // All index frames: about 80 bytes for every 128 files.
  const std::vector<TreeIndexEntry>& Index() {
    if (index) return *index;
    std::vector<TreeIndexEntry> all;
    for (const FrameRef& ref : root.index_frames) {
      Guard(ref, [&] { ReadIndexFrame(ref, all); });
    }
    index = std::move(all);
    return *index;
  }

  void ReadIndexFrame(const FrameRef& ref, std::vector<TreeIndexEntry>& all) {
    const auto frame = frames.ReadKind(ref, FrameKind::kTreeIndex);
    for (TreeIndexEntry& entry : DecodeTreeIndex(*frame, ref.pack)) {
      if (!all.empty() && entry.first_path <= all.back().first_path) {
        throw Error(ErrorKind::kCorrupt, "a tree's index is not in order");
      }
      all.push_back(std::move(entry));
    }
  }

  // Runs `read`; what is corrupt then is the frame `ref`.
  template <typename Read>
  void Guard(const FrameRef& ref, Read&& read) {
    try {
      read();
    } catch (const Error& error) {
      if (!on_damage || error.kind() != ErrorKind::kCorrupt) throw;
      skipped = true;
      on_damage(ref, error);
    }
  }

  OpenGroup Open(const FrameRef& ref) {
    auto frame = frames.ReadKind(ref, FrameKind::kTree);
    TreeGroupDecoder decoder(*frame, ref.pack);
    return {std::move(frame), std::move(decoder)};
  }

  void CheckFirst(const TreeEntry& entry) {
    if (entry.path != Index()[next_group - 1].first_path) {
      throw Error(ErrorKind::kCorrupt, "a tree frame does not begin where its index says");
    }
  }

  void CheckOrder(const TreeEntry& entry) {
    if (last_path && entry.path <= *last_path) {
      throw Error(ErrorKind::kCorrupt, "a tree is not in order");
    }
    last_path = entry.path;
  }

  // Empty at the end of the group.
  std::optional<TreeEntry> NextOfGroup() {
    if (!group) group = Open(Index()[next_group - 1].frame);
    std::optional<TreeEntry> entry = group->decoder.Next();
    if (entry && !group->begun) CheckFirst(*entry);
    if (!entry && !group->begun) throw Error(ErrorKind::kCorrupt, "a tree frame is empty");
    if (entry) CheckOrder(*entry);
    group->begun = true;
    return entry;
  }

  std::optional<TreeEntry> Next() {
    while (true) {
      if (!group && next_group++ == Index().size()) {
        --next_group;
        return End();
      }
      std::optional<TreeEntry> entry;
      Guard(Index()[next_group - 1].frame, [&] { entry = NextOfGroup(); });
      if (entry) {
        ++entries;
        return entry;
      }
      group.reset();
    }
  }

  std::optional<TreeEntry> End() {
    if (skipped || entries == root.entry_count) return std::nullopt;
    Guard(root.index_frames.empty() ? FrameRef{} : root.index_frames.front(), [&] {
      throw Error(ErrorKind::kCorrupt,
                  fmt::format("a tree has {} entries instead of {}", entries, root.entry_count));
    });
    return std::nullopt;
  }

  std::optional<TreeEntry> Find(std::string_view path) {
    const auto after = std::ranges::upper_bound(Index(), path, {}, [](const TreeIndexEntry& entry) {
      return std::string_view(entry.first_path);
    });
    if (after == Index().begin()) return std::nullopt;
    OpenGroup found = Open(std::prev(after)->frame);
    while (std::optional<TreeEntry> entry = found.decoder.Next()) {
      if (entry->path == path) return entry;
      if (entry->path > path) break;
    }
    return std::nullopt;
  }
};

TreeReader::TreeReader(FrameReader& frames, TreeRoot root)
    : TreeReader(frames, std::move(root), {}) {}

TreeReader::TreeReader(FrameReader& frames, TreeRoot root, OnDamage on_damage)
    : state_(new State{.frames = frames,
                       .root = std::move(root),
                       .on_damage = std::move(on_damage),
                       .index = std::nullopt,
                       .group = std::nullopt,
                       .last_path = std::nullopt}) {}
TreeReader::~TreeReader() = default;

std::optional<TreeEntry> TreeReader::Next() { return state_->Next(); }

std::optional<TreeEntry> TreeReader::Find(std::string_view path) { return state_->Find(path); }

}  // namespace holdfast::repo
