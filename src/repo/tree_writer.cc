#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "repo/content_store.h"
#include "repo/parent_tree.h"
#include "repo/tree.h"
#include "repo/tree_codec.h"
#include "repo/writer.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t kGroupSize = 64 * base::kKiB;
constexpr std::size_t kMaxRecordSize = 32 * base::kKiB;

PackTableBuilder::Resolve ResolveBy(const PackNames& names) {
  return [&names](const PackId& pack) { return names.Resolve(pack); };
}

// At least what the maps and extents of a record take in it.
std::size_t SizeInRecord(const Content& content) {
  std::size_t size = 0;
  if (const auto* extents = std::get_if<ExtentContent>(&content)) {
    size += extents->extents.size() * (12 + sizeof(PackId));
  }
  if (const auto* paged = std::get_if<PagedContent>(&content)) {
    for (const PagedContent::Part& part : paged->parts) {
      const auto* map = std::get_if<PageMap>(&part.map);
      if (map != nullptr) size += map->runs.size() * 12 + map->packs.size() * sizeof(PackId);
    }
  }
  return size;
}

// The same content with its maps and extents in frames of their own.
Content MovedOut(Writer& writer, const Content& content) {
  if (const auto* extents = std::get_if<ExtentContent>(&content)) {
    return StoreExtents(writer, extents->extents);
  }
  PagedContent paged = std::get<PagedContent>(content);
  for (PagedContent::Part& part : paged.parts) {
    const auto* map = std::get_if<PageMap>(&part.map);
    if (map != nullptr) part.map = writer.meta().Append(FrameKind::kMap, EncodePageMap(*map));
  }
  return paged;
}

template <typename Encoder>
FrameRef AppendFrame(MetaWriter& meta, FrameKind kind, Encoder& encoder) {
  const FrameRef ref = meta.AppendWith(kind, [&](const MetaWriter::Translate& translate) {
    std::vector<PackId> packs;
    for (const PackId& pack : encoder.packs()) packs.push_back(translate(pack));
    return encoder.Encode(packs);
  });
  encoder.Clear();
  return ref;
}

}  // namespace

struct TreeWriter::State {
  State(MetaWriter& meta_in, ParentTree* parent_in)
      : meta(meta_in),
        parent(parent_in),
        group(ResolveBy(meta_in.writer().names())),
        index(ResolveBy(meta_in.writer().names())) {}

  MetaWriter& meta;
  ParentTree* parent;
  TreeGroupEncoder group;
  TreeIndexEncoder index;
  std::optional<std::string> last_path;
  TreeRoot root;

  void Add(const TreeEntry& entry) {
    CheckTreeEntry(entry, ErrorKind::kInternal);
    if (last_path && entry.path <= *last_path) {
      throw Error(ErrorKind::kInternal,
                  fmt::format("the tree entry \"{}\" comes after \"{}\"", entry.path, *last_path));
    }
    if (!group.empty() && StartsTreeGroup(entry.path)) CloseGroup();
    if (SizeInRecord(entry.content) > kMaxRecordSize) {
      TreeEntry smaller = entry;
      smaller.content = MovedOut(meta.writer(), entry.content);
      group.Add(smaller);
    } else {
      group.Add(entry);
    }
    last_path = entry.path;
    ++root.entry_count;
    root.total_size += entry.size;
    if (group.size() >= kGroupSize) CloseGroup();
  }

  void CloseGroup() {
    UseNamed(group.packs());
    std::string first_path = group.first_path();
    index.Add({std::move(first_path), StoreGroup()});
    if (index.full()) CloseIndex();
  }

  FrameRef StoreGroup() {
    const auto same = parent != nullptr ? parent->FindSame(group) : std::nullopt;
    if (!same) return AppendFrame(meta, FrameKind::kTree, group);
    group.Clear();
    return *same;
  }

  // A pack that has no name yet is being built by this backup.
  void UseNamed(std::span<const PackId> packs) {
    for (const PackId& pack : packs) {
      if (const auto name = meta.writer().names().Resolve(pack)) meta.writer().Use(*name);
    }
  }

  void CloseIndex() {
    root.index_frames.push_back(AppendFrame(meta, FrameKind::kTreeIndex, index));
  }
};

TreeWriter::TreeWriter(MetaWriter& meta, ParentTree* parent)
    : state_(std::make_unique<State>(meta, parent)) {}
TreeWriter::~TreeWriter() = default;

void TreeWriter::Add(const TreeEntry& entry) { state_->Add(entry); }

TreeRoot TreeWriter::Finish() {
  if (!state_->group.empty()) state_->CloseGroup();
  if (!state_->index.empty()) state_->CloseIndex();
  return state_->root;
}

}  // namespace holdfast::repo
