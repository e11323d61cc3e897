#include "backup/parent_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <variant>

#include "base/error.h"

namespace holdfast::backup {

bool ReusablePacks::Use(const repo::PackId& pack) {
  if (!IsUsable(pack)) return false;
  writer_.Use(pack);
  return true;
}

bool ReusablePacks::IsUsable(const repo::PackId& pack) {
  const Known& known = Look(pack);
  return known.sound && !known.decayed;
}

const ReusablePacks::Known& ReusablePacks::Look(const repo::PackId& pack) {
  const auto found = known_.find(pack);
  if (found != known_.end()) return found->second;
  Known known;
  known.sound = !writer_.IsCondemned(pack) && IsSound(pack, known.total);
  known.decayed = older_.IsDecayed(pack);
  return known_.emplace(pack, known).first->second;
}

// As far as can be told without reading all of it.
bool ReusablePacks::IsSound(const repo::PackId& pack, std::uint64_t& total) {
  if (writer_.IsMarkedDamaged(pack)) {
    losses_.Add(pack, fmt::format("pack {} was found damaged by a verification", pack.ToHex()));
    return false;
  }
  return losses_.CanRead(pack, [&] {
    const std::shared_ptr<const repo::PackFooter> footer = frames_.Footer(pack);
    total = 0;
    for (const repo::FrameInfo& frame : footer->frames()) total += frame.raw_size;
  });
}

void ReusablePacks::Count(const repo::PageMap& map, const repo::PageMap& parent) {
  std::vector<std::uint64_t> pages(map.packs.size());
  for (const repo::PageRun& run : map.runs) {
    if (run.pack != repo::PageRun::kZero) pages.at(run.pack) += run.page_count;
  }
  for (std::size_t number = 0; number < pages.size(); ++number) {
    const repo::PackId& pack = map.packs[number];
    if (pages[number] == 0 || std::ranges::find(parent.packs, pack) == parent.packs.end()) continue;
    older_.Count(pack, pages[number] * repo::kPageSize, Look(pack).total);
  }
}

void ReusablePacks::Count(const repo::ExtentContent& content) {
  const auto count = [&](const repo::Extent& extent) {
    older_.Count(extent.frame.pack, extent.length, Look(extent.frame.pack).total);
  };
  std::ranges::for_each(content.extents, count);
  if (content.lists.empty()) return;
  (void)losses_.CanRead(content.lists.front().pack, [&] { frames_.ForEachExtent(content, count); });
  for (const repo::FrameRef& list : content.lists) CountMeta(list);
}

void ReusablePacks::CountMeta(const repo::FrameRef& frame) {
  (void)losses_.CanRead(frame.pack, [&] {
    older_.Count(frame.pack, frames_.Footer(frame.pack)->frame(frame.frame).raw_size, 0);
  });
}

bool ReusablePacks::UseAll(const repo::PageMap& map) {
  const auto usable = [&](const repo::PackId& pack) { return IsUsable(pack); };
  if (!std::ranges::all_of(map.packs, usable)) return false;
  for (const repo::PackId& pack : map.packs) writer_.Use(pack);
  return true;
}

bool ReusablePacks::UseAll(const repo::ExtentContent& content) {
  return UseAllThatAre(content, [&](const repo::PackId& pack) { return IsUsable(pack); });
}

bool ReusablePacks::UseAllOfLarge(const repo::ExtentContent& content) {
  return UseAllThatAre(content, [&](const repo::PackId& pack) { return Look(pack).sound; });
}

bool ReusablePacks::UseAllThatAre(const repo::ExtentContent& content,
                                  const std::function<bool(const repo::PackId&)>& usable) {
  std::set<repo::PackId> packs;
  const auto add = [&](const repo::Extent& extent) { packs.insert(extent.frame.pack); };
  std::ranges::for_each(content.extents, add);
  for (const repo::FrameRef& list : content.lists) {
    packs.insert(list.pack);
    const auto read = [&] { frames_.ForEachExtent({.extents = {}, .lists = {list}}, add); };
    if (!losses_.CanRead(list.pack, read)) return false;
  }
  if (!std::ranges::all_of(packs, usable)) return false;
  for (const repo::PackId& pack : packs) writer_.Use(pack);
  return true;
}

ParentPages::ParentPages(repo::FrameReader& frames, ReusablePacks& packs,
                         const repo::PagedContent::Part* part, ParentLosses& losses)
    : frames_(frames), packs_(packs), losses_(losses) {
  if (part == nullptr) return;
  const auto* stored = std::get_if<repo::FrameRef>(&part->map);
  const repo::PackId pack = stored != nullptr ? stored->pack : repo::PackId{};
  (void)losses_.CanRead(pack, [&] { map_ = frames_.Map(*part); });
}

void ParentPages::AddUnusable(pg::BlockSet& pages) const {
  for (const repo::PageRun& run : map_.runs) {
    if (run.pack == repo::PageRun::kZero || packs_.IsUsable(map_.packs.at(run.pack))) continue;
    pages.AddRun(run.first_page, run.page_count);
  }
}

repo::PagePlace ParentPages::Keep(std::uint32_t page) {
  const repo::PagePlace place = map_.Find(page);
  if (!place.zero && !packs_.Use(place.frame.pack)) {
    throw base::Error(base::ErrorKind::kInternal, "a page of a pack that cannot be used is kept");
  }
  return place;
}

std::optional<repo::PagePlace> ParentPages::FindSame(std::uint32_t page, std::uint64_t hash) {
  if (page >= map_.page_count) return std::nullopt;
  const repo::PagePlace place = map_.Find(page);
  if (place.zero || !Holds(place, hash) || !packs_.Use(place.frame.pack)) return std::nullopt;
  return place;
}

bool ParentPages::Holds(const repo::PagePlace& place, std::uint64_t hash) {
  const repo::PackFooter* footer = Footer(place.frame.pack);
  if (footer == nullptr) return false;
  bool same = false;
  (void)losses_.CanRead(place.frame.pack, [&] {
    const auto hashes = footer->PageHashes(place.frame.frame);
    same = place.index < hashes.size() && hashes[place.index] == hash;
  });
  return same;
}

bool ParentPages::WasZero(std::uint32_t page) const {
  return page < map_.page_count && map_.Find(page).zero;
}

const repo::PackFooter* ParentPages::Footer(const repo::PackId& pack) {
  if (pack == footer_pack_) return footer_.get();
  footer_pack_ = pack;
  footer_.reset();
  (void)losses_.CanRead(pack, [&] { footer_ = frames_.Footer(pack); });
  return footer_.get();
}

}  // namespace holdfast::backup
