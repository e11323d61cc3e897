#include "repo/content_store.h"

#include <algorithm>
#include <span>

#include "repo/frame_reader.h"
#include "repo/tree_codec.h"

namespace holdfast::repo {

namespace {

constexpr std::size_t kMaxInlineExtents = 16;
// At most 12 bytes each, and 32 more for a pack: an extent list stays under 400 KiB.
constexpr std::size_t kExtentsPerList = 8192;

struct PackVisitor {
  FrameReader& frames;
  const std::function<void(const PackId&)>& visit;

  void operator()(std::monostate) const {}
  void operator()(const InlineContent&) const {}
  void operator()(const ExtentContent& content) const {
    for (const FrameRef& list : content.lists) visit(list.pack);
    frames.ForEachExtent(content, [&](const Extent& extent) { visit(extent.frame.pack); });
  }
  void operator()(const PagedContent& content) const {
    for (const PagedContent::Part& part : content.parts) {
      if (const auto* ref = std::get_if<FrameRef>(&part.map)) visit(ref->pack);
      for (const PackId& pack : frames.Map(part).packs) visit(pack);
    }
  }
};

}  // namespace

PagedContent::Part StoreMap(Writer& writer, PageMap map) {
  writer.names().Name(map);
  for (const PackId& pack : map.packs) writer.Use(pack);
  const base::Bytes encoded = EncodePageMap(map);
  const std::uint32_t page_count = map.page_count;
  if (encoded.size() <= kMaxInlineMap) return {page_count, std::move(map)};
  return {page_count, writer.meta().Append(FrameKind::kMap, encoded)};
}

ExtentContent StoreExtents(Writer& writer, std::vector<Extent> extents) {
  ExtentContent content{.extents = std::move(extents), .lists = {}};
  writer.names().Name(content);
  for (const Extent& extent : content.extents) writer.Use(extent.frame.pack);
  if (content.extents.size() <= kMaxInlineExtents) return content;
  for (std::span<const Extent> rest = content.extents; !rest.empty();) {
    const std::size_t count = std::min(rest.size(), kExtentsPerList);
    content.lists.push_back(
        writer.meta().Append(FrameKind::kExtents, EncodeExtents(rest.first(count))));
    rest = rest.subspan(count);
  }
  content.extents.clear();
  return content;
}

void ForEachPackOf(FrameReader& frames, const Content& content,
                   const std::function<void(const PackId&)>& visit) {
  std::visit(PackVisitor{frames, visit}, content);
}

void UsePacksOf(Writer& writer, FrameReader& frames, const Content& content) {
  ForEachPackOf(frames, content, [&](const PackId& pack) { writer.Use(pack); });
}

}  // namespace holdfast::repo
