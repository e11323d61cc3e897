#include "backup/parent_pages.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::backup {

bool ReusablePacks::Use(const repo::PackId& pack) {
  const auto found = known_.find(pack);
  if (found != known_.end()) return found->second;
  const bool usable = !writer_.IsCondemned(pack);
  if (usable) writer_.Use(pack);
  known_.emplace(pack, usable);
  return usable;
}

bool ReusablePacks::UseAll(const repo::PageMap& map) {
  return std::ranges::all_of(map.packs, [&](const repo::PackId& pack) { return Use(pack); });
}

bool ReusablePacks::UseAll(const repo::ExtentContent& content, repo::FrameReader& frames) {
  bool usable = std::ranges::all_of(content.lists,
                                    [&](const repo::FrameRef& list) { return Use(list.pack); });
  frames.ForEachExtent(
      content, [&](const repo::Extent& extent) { usable = usable && Use(extent.frame.pack); });
  return usable;
}

ParentPages::ParentPages(repo::FrameReader& frames, ReusablePacks& packs,
                         const repo::PagedContent::Part* part, base::Reporter& report)
    : frames_(frames), packs_(packs), report_(report) {
  if (part == nullptr) return;
  try {
    map_ = frames_.Map(*part);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    report_.Warn(fmt::format("{}: storing its pages again", error.message()));
  }
}

std::optional<repo::PagePlace> ParentPages::FindSame(std::uint32_t page, std::uint64_t hash) {
  if (page >= map_.page_count) return std::nullopt;
  const repo::PagePlace place = map_.Find(page);
  if (place.zero) return std::nullopt;
  const repo::PackFooter* footer = Footer(place.frame.pack);
  if (footer == nullptr) return std::nullopt;
  const auto hashes = footer->PageHashes(place.frame.frame);
  if (place.index >= hashes.size() || hashes[place.index] != hash) return std::nullopt;
  if (!packs_.Use(place.frame.pack)) return std::nullopt;
  return place;
}

bool ParentPages::WasZero(std::uint32_t page) const {
  return page < map_.page_count && map_.Find(page).zero;
}

const repo::PackFooter* ParentPages::Footer(const repo::PackId& pack) {
  if (pack == footer_pack_) return footer_.get();
  footer_pack_ = pack;
  footer_.reset();
  try {
    footer_ = frames_.Footer(pack);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    report_.Warn(fmt::format("{}: storing its pages again", error.message()));
  }
  return footer_.get();
}

}  // namespace holdfast::backup
