#include "repo/page_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "repo/pack.h"
#include "repo/pack_table.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kMaxPosition =
    (std::uint64_t{std::numeric_limits<std::uint32_t>::max()} + 1) * kPagesPerFrame;

// Where a run begins, counted in pages from the pack's first frame.
std::uint64_t Position(const PageRun& run) {
  return std::uint64_t{run.frame} * kPagesPerFrame + run.first_in_frame;
}

bool Continues(const PageRun& run, const PageRun& next) {
  if (run.pack != next.pack) return false;
  return run.pack == PageRun::kZero || Position(run) + run.page_count == Position(next);
}

bool RunIsValid(const PageRun& run, const PageMap& map) {
  if (run.page_count == 0) return false;
  if (run.pack == PageRun::kZero) return run.frame == 0 && run.first_in_frame == 0;
  return run.pack < map.packs.size() && run.first_in_frame < kPagesPerFrame &&
         Position(run) + run.page_count <= kMaxPosition;
}

bool PacksAreDistinct(std::vector<PackId> packs) {
  std::ranges::sort(packs);
  return std::ranges::adjacent_find(packs) == packs.end() && (packs.empty() || !packs[0].IsSelf());
}

}  // namespace

void CheckPageMap(const PageMap& map, ErrorKind kind) {
  const auto fail = [&](std::string_view why) {
    throw Error(kind, fmt::format("a page map {}", why));
  };
  if (map.page_count > kPagesPerMap) fail("covers too many pages");
  if (!PacksAreDistinct(map.packs)) fail("names a pack twice, or none");
  std::vector<bool> used(map.packs.size());
  std::uint64_t covered = 0;
  for (const PageRun& run : map.runs) {
    if (!RunIsValid(run, map)) fail("has a run that is out of range");
    if (run.first_page != covered) fail("has a hole or an overlap");
    covered += run.page_count;
    if (covered > map.page_count) fail("covers more pages than it has");
    if (run.pack != PageRun::kZero) used[run.pack] = true;
  }
  if (covered != map.page_count) fail("does not cover its last pages");
  if (!std::ranges::all_of(used, [](bool is_used) { return is_used; })) {
    fail("names a pack that it does not use");
  }
}

PagePlace PageMap::Find(std::uint32_t page) const {
  if (page >= page_count) {
    throw Error(ErrorKind::kInternal,
                fmt::format("page {} is beyond its map of {}", page, page_count));
  }
  const auto after = std::ranges::upper_bound(runs, page, {}, &PageRun::first_page);
  const PageRun& run = *std::prev(after);
  if (run.pack == PageRun::kZero) return {.zero = true, .frame = {}, .index = 0};
  const std::uint64_t position = Position(run) + (page - run.first_page);
  return {.zero = false,
          .frame = {packs[run.pack], static_cast<std::uint32_t>(position / kPagesPerFrame)},
          .index = static_cast<std::uint32_t>(position % kPagesPerFrame)};
}

void PageMapBuilder::Add(const PagePlace& place) {
  if (place.zero) return AddZero();
  const auto [it, is_new] = indices_.try_emplace(place.frame.pack, map_.packs.size());
  if (is_new) map_.packs.push_back(place.frame.pack);
  Append({.first_page = map_.page_count,
          .page_count = 1,
          .pack = it->second,
          .frame = place.frame.frame,
          .first_in_frame = place.index});
}

void PageMapBuilder::AddZero(std::uint32_t count) {
  if (count > 0) Append({.first_page = map_.page_count, .page_count = count});
}

void PageMapBuilder::Append(const PageRun& run) {
  if (run.page_count > kPagesPerMap - map_.page_count) {
    throw Error(ErrorKind::kInternal, "a page map is full");
  }
  if (!RunIsValid(run, map_)) throw Error(ErrorKind::kInternal, "a page's place is out of range");
  if (!map_.runs.empty() && Continues(map_.runs.back(), run)) {
    map_.runs.back().page_count += run.page_count;
  } else {
    map_.runs.push_back(run);
  }
  map_.page_count += run.page_count;
}

PageMap PageMapBuilder::Take() {
  indices_.clear();
  return std::exchange(map_, {});
}

// Runs need no first page (they abut), and their place is told relative to where the pack's
// previous run ended: a skipped page or a frame that was not full costs one byte.
void WritePageRuns(base::ByteWriter& out, const PageMap& map) {
  std::vector<std::uint64_t> expected(map.packs.size());
  out.Varint(map.runs.size());
  for (const PageRun& run : map.runs) {
    const bool zero = run.pack == PageRun::kZero;
    out.Varint(zero ? 0 : std::uint64_t{run.pack} + 1);
    out.Varint(run.page_count - 1);
    if (zero) continue;
    const std::uint64_t position = Position(run);
    out.Varint(ZigZag(static_cast<std::int64_t>(position - expected[run.pack])));
    expected[run.pack] = position + run.page_count;
  }
}

void ReadPageRuns(base::ByteReader& in, PageMap& map) {
  std::vector<std::uint64_t> expected(map.packs.size());
  const std::uint64_t count =
      in.VarintUpTo(std::min<std::uint64_t>(map.page_count, in.remaining()));
  map.runs.reserve(count);
  std::uint32_t covered = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    PageRun run{.first_page = covered};
    const std::uint64_t pack = in.VarintUpTo(map.packs.size());
    run.page_count = static_cast<std::uint32_t>(in.VarintUpTo(map.page_count)) + 1;
    covered += run.page_count;
    if (pack != 0) {
      run.pack = static_cast<std::uint32_t>(pack - 1);
      // Wraps around for a corrupt delta; the position is checked against its range right after.
      const std::uint64_t position =
          expected[run.pack] + static_cast<std::uint64_t>(UnZigZag(in.Varint()));
      if (position >= kMaxPosition) {
        throw Error(ErrorKind::kCorrupt, "a page map has a run that is out of range");
      }
      run.frame = static_cast<std::uint32_t>(position / kPagesPerFrame);
      run.first_in_frame = static_cast<std::uint32_t>(position % kPagesPerFrame);
      expected[run.pack] = position + run.page_count;
    }
    map.runs.push_back(run);
  }
  CheckPageMap(map, ErrorKind::kCorrupt);
}

base::Bytes EncodePageMap(const PageMap& map) {
  CheckPageMap(map, ErrorKind::kInternal);
  base::ByteWriter out;
  out.U8(kVersion);
  out.Varint(map.page_count);
  WritePackTable(out, map.packs);
  WritePageRuns(out, map);
  return out.Take();
}

PageMap DecodePageMap(base::ByteView bytes) {
  base::ByteReader in(bytes, "a page map");
  if (const std::uint8_t version = in.U8(); version != kVersion) {
    throw Error(ErrorKind::kCorrupt, fmt::format("a page map has the unknown version {}", version));
  }
  PageMap map;
  map.page_count = static_cast<std::uint32_t>(in.VarintUpTo(kPagesPerMap));
  map.packs = ReadPackTable(in, map.page_count, PackId{});
  ReadPageRuns(in, map);
  in.ExpectEnd();
  return map;
}

}  // namespace holdfast::repo
