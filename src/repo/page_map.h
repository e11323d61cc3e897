// Page maps: for up to 64 MiB of one relation segment file, which frame holds which page
// (docs/format/map.md).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
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

// Pages are appended in ascending order; neighbours join into runs.
class PageMapBuilder {
 public:
  void Add(const PagePlace& place);
  void AddZero(std::uint32_t count = 1);
  std::uint32_t page_count() const { return map_.page_count; }
  PageMap Take();

 private:
  PageMap map_;
};

// Packs in the map must be named (no provisional ids) except the one given as `self`, which is
// stored as zero.
base::Bytes EncodePageMap(const PageMap& map);
PageMap DecodePageMap(
    base::ByteView bytes);  // Error(kCorrupt): also holes, overlaps, indices out of range

}  // namespace holdfast::repo
