// The bytes of tree, tree index and extent list frames (docs/format/tree.md).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "repo/ids.h"
#include "repo/pack_table.h"
#include "repo/tree.h"

namespace holdfast::repo {

// Collects the records of one tree frame. What it is given was checked with CheckTreeEntry.
class TreeGroupEncoder {
 public:
  explicit TreeGroupEncoder(PackTableBuilder::Resolve resolve) : table_(std::move(resolve)) {}

  void Add(const TreeEntry& entry);
  bool empty() const { return count_ == 0; }
  std::size_t size() const;  // of the frame so far, about
  const std::string& first_path() const { return first_path_; }
  std::span<const PackId> packs() const { return table_.packs(); }
  // The frame; `packs` are those of packs() as they are to be stored.
  base::Bytes Encode(std::span<const PackId> packs) const;
  void Clear();

 private:
  PackTableBuilder table_;
  base::ByteWriter records_;
  std::uint64_t count_ = 0;
  std::string first_path_;
  std::string last_path_;
};

// Hands out the records of one tree frame in order. Every failure is Error(kCorrupt).
class TreeGroupDecoder {
 public:
  // `self`: the pack that the frame was read from. `frame` must outlive the decoder.
  TreeGroupDecoder(base::ByteView frame, const PackId& self);
  // Empty after the last; bytes left over are refused then.
  std::optional<TreeEntry> Next();

 private:
  Content ReadContent(std::uint8_t kind);
  FrameRef ReadRef();
  PagedContent ReadPaged();

  base::ByteReader in_;
  std::vector<PackId> packs_;
  std::uint64_t left_ = 0;
  std::optional<std::string> last_path_;
};

// A tree frame and the path of its first record.
struct TreeIndexEntry {
  std::string first_path;
  FrameRef frame;
  bool operator==(const TreeIndexEntry&) const = default;
};

class TreeIndexEncoder {
 public:
  explicit TreeIndexEncoder(PackTableBuilder::Resolve resolve) : table_(std::move(resolve)) {}
  void Add(const TreeIndexEntry& entry);
  bool empty() const { return count_ == 0; }
  bool full() const;  // time to begin another frame
  std::span<const PackId> packs() const { return table_.packs(); }
  base::Bytes Encode(std::span<const PackId> packs) const;
  void Clear();

 private:
  PackTableBuilder table_;
  base::ByteWriter records_;
  std::uint64_t count_ = 0;
  std::uint64_t path_bytes_ = 0;
  std::string last_path_;
};

// Error(kCorrupt).
std::vector<TreeIndexEntry> DecodeTreeIndex(base::ByteView frame, const PackId& self);

// A kExtents frame. The packs must be named.
base::Bytes EncodeExtents(std::span<const Extent> extents);
std::vector<Extent> DecodeExtents(base::ByteView frame);  // Error(kCorrupt)

// Does a new tree frame begin with this path? Depends on the path alone, so that an unchanged
// stretch of files is cut the same way in every backup; one path in 128 on average.
bool StartsTreeGroup(std::string_view path);

}  // namespace holdfast::repo
