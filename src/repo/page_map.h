// Page maps: for up to 64 MiB of one relation segment file, which frame holds which page
// (docs/format/map.md).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "repo/ids.h"

namespace holdfast::repo {

inline constexpr std::uint32_t kPagesPerMap = 8192;  // 64 MiB of 8 KiB pages

// `page_count` consecutive pages from `first_page`, found from page `first_in_frame` of `frame` on,
// going on in the following frames of the same pack: every frame but a run's last is full
// (kPagesPerFrame pages).
struct PageRun {
  std::uint32_t first_page = 0;  // within the map
  std::uint32_t page_count = 0;
  std::uint32_t pack =
      kZero;  // index into PageMap::packs, or kZero: all-zero pages, stored nowhere
  std::uint32_t frame = 0;
  std::uint32_t first_in_frame = 0;
  static constexpr std::uint32_t kZero = 0xFFFFFFFF;
  bool operator==(const PageRun&) const = default;
};

struct PagePlace {
  bool zero = false;
  FrameRef frame;
  std::uint32_t index = 0;  // page within the frame
};

// Covers pages 0 to page_count - 1 without a hole or overlap.
struct PageMap {
  std::uint32_t page_count = 0;
  std::vector<PackId> packs;
  std::vector<PageRun> runs;  // ascending

  PagePlace Find(std::uint32_t page) const;  // Error(kInternal) beyond page_count
  bool operator==(const PageMap&) const = default;
};

// Throws Error(kind) unless the map keeps the promises above: no hole, no overlap, every number in
// range, every pack named once and used.
void CheckPageMap(const PageMap& map, base::ErrorKind kind);

// Pages are appended in ascending order; neighbours join into runs. Error(kInternal) past
// kPagesPerMap.
class PageMapBuilder {
 public:
  void Add(const PagePlace& place);
  void AddZero(std::uint32_t count = 1);
  std::uint32_t page_count() const { return map_.page_count; }
  PageMap Take();

 private:
  void Append(const PageRun& run);

  PageMap map_;
  std::map<PackId, std::uint32_t> indices_;
};

// A kMap frame. Packs in the map must be named: no provisional ids. Error(kInternal) when the map
// is not well-formed.
base::Bytes EncodePageMap(const PageMap& map);
PageMap DecodePageMap(
    base::ByteView bytes);  // Error(kCorrupt): also holes, overlaps, indices out of range

// The runs alone, as an inline map holds them; the packs stand in the tree frame's table.
void WritePageRuns(base::ByteWriter& out, const PageMap& map);
// Fills in map.runs, given its page_count and packs, and checks the map.
void ReadPageRuns(base::ByteReader& in, PageMap& map);

}  // namespace holdfast::repo
