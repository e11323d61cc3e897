// The tree of a backup: every file it holds, sorted by path (docs/format/tree.md).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "repo/ids.h"
#include "repo/page_map.h"

namespace holdfast::repo {

enum class FileType : std::uint8_t { kRegular = 1, kDirectory = 2, kSymlink = 3 };

// A piece of a file inside a kBytes frame.
struct Extent {
  FrameRef frame;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  bool operator==(const Extent&) const = default;
};

struct InlineContent {
  base::Bytes bytes;  // at most kMaxInline
  bool operator==(const InlineContent&) const = default;
};
struct ExtentContent {
  std::vector<Extent> extents;  // in order
  std::vector<FrameRef> lists;  // kExtents frames that hold the extents instead, in order
  bool operator==(const ExtentContent&) const = default;
};
// One map for every 64 MiB of the file, in order; the last page is padded with zeros when the
// file's size is not a multiple of the page size.
struct PagedContent {
  struct Part {
    std::uint32_t page_count = 0;
    std::variant<PageMap, FrameRef> map;  // small maps inline, others in a kMap frame
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts;
  bool operator==(const PagedContent&) const = default;
};
using Content = std::variant<std::monostate, InlineContent, ExtentContent, PagedContent>;

struct TreeEntry {
  // Relative, '/'-separated, no "." or ".."; any bytes but NUL, at most kMaxPath of them. Empty for
  // the folder that the tree stands for, which may be left out.
  std::string path;
  FileType type = FileType::kRegular;
  std::uint32_t mode = 0;  // permission bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  base::Time modified;
  std::string link_target;  // symlinks
  std::array<std::uint8_t, 16>
      digest{};  // keyed digest of the content of non-paged files; zero otherwise
  Content content;
  bool operator==(const TreeEntry&) const = default;
};

inline constexpr std::size_t kMaxInline = 512;
inline constexpr std::size_t kMaxPath = 4096;

// Throws Error(kind) naming the path unless the entry keeps its promises: a clean path, content
// that fits the type and adds up to the size, every 64 MiB of a paged file with its map.
void CheckTreeEntry(const TreeEntry& entry, base::ErrorKind kind);

class MetaWriter;
class FrameReader;
class ParentTree;

// Where a finished tree is: the frames of its index (first key, frame), in order.
struct TreeRoot {
  std::vector<FrameRef> index_frames;
  std::uint64_t entry_count = 0;
  std::uint64_t total_size = 0;  // of regular files
};

// Entries must come in ascending byte-wise order of path, all packs they refer to named or in
// `meta`: Error(kInternal) otherwise. A record that would be long gets its maps and extents moved
// to frames of their own. The packs that the entries name count as used (Writer::Use), those that a
// map in a frame of its own names do not: see UsePacksOf.
class TreeWriter {
 public:
  // Where `parent` has frames with the same records, they are referred to.
  explicit TreeWriter(MetaWriter& meta, ParentTree* parent = nullptr);
  ~TreeWriter();
  void Add(const TreeEntry& entry);
  TreeRoot Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Streams entries back in order; keeps one frame in memory. Not thread-safe.
class TreeReader {
 public:
  // Called with a frame of the tree that is missing or altered, or that is not the one that belongs
  // there.
  using OnDamage = std::function<void(const FrameRef&, const base::Error&)>;

  TreeReader(FrameReader& frames, TreeRoot root);
  // Next goes on behind damage instead of throwing Error(kCorrupt): for who wants to know what is
  // left. `on_damage` is called once for each frame that has to be skipped, in whole or in part.
  TreeReader(FrameReader& frames, TreeRoot root, OnDamage on_damage);
  ~TreeReader();
  std::optional<TreeEntry> Next();
  // Binary search by path; independent of Next.
  std::optional<TreeEntry> Find(std::string_view path);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repo
