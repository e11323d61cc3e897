// How a pipeline turns maps and extents into what a tree entry holds.
#pragma once

#include <functional>
#include <vector>

#include "repo/page_map.h"
#include "repo/tree.h"
#include "repo/writer.h"

namespace holdfast::repo {

class FrameReader;

// A map's encoding up to this size stands in the tree record itself.
inline constexpr std::size_t kMaxInlineMap = 512;

// All packs that are named must be put; provisional ids are replaced by names. Thread-safe. The
// packs count as used.
PagedContent::Part StoreMap(Writer& writer, PageMap map);
ExtentContent StoreExtents(Writer& writer, std::vector<Extent> extents);

// Every pack that a file's content needs, some of them more than once; maps and extent lists that
// lie in frames of their own are read, after their packs were visited.
void ForEachPackOf(FrameReader& frames, const Content& content,
                   const std::function<void(const PackId&)>& visit);

// For an entry taken over from an earlier backup: counts every pack that its content needs as used.
// Error(kConflict) when one is
// condemned.
void UsePacksOf(Writer& writer, FrameReader& frames, const Content& content);

}  // namespace holdfast::repo
