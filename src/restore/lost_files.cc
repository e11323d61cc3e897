#include "restore/lost_files.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"

namespace holdfast::restore {

namespace {

// Reads what lies in suspects.
class Probe {
 public:
  Probe(repo::FrameReader& frames, const NeededPacks& packs) : frames_(frames), packs_(packs) {}

  void Read(const repo::PageMap& map) {
    const auto suspected = [this](const repo::PackId& pack) { return packs_.IsSuspect(pack); };
    if (std::ranges::none_of(map.packs, suspected)) return;
    std::set<repo::FrameRef> needed;
    for (std::uint32_t page = 0; page < map.page_count; ++page) {
      const repo::PagePlace place = map.Find(page);
      if (!place.zero) needed.insert(place.frame);
    }
    for (const repo::FrameRef& frame : needed) Read(frame);
  }

  void Read(const repo::FrameRef& frame) {
    if (packs_.IsSuspect(frame.pack)) (void)frames_.Read(frame);
  }

 private:
  repo::FrameReader& frames_;
  const NeededPacks& packs_;
};

}  // namespace

bool IsLost(repo::FrameReader& frames, const repo::Content& content, const NeededPacks& packs) {
  Probe probe(frames, packs);
  try {
    if (const auto* paged = std::get_if<repo::PagedContent>(&content)) {
      for (const repo::PagedContent::Part& part : paged->parts) probe.Read(frames.Map(part));
    } else if (const auto* extents = std::get_if<repo::ExtentContent>(&content)) {
      frames.ForEachExtent(*extents, [&](const repo::Extent& extent) { probe.Read(extent.frame); });
    }
    return false;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return true;
  }
}

void ForEachLostFile(const repo::Repository& repository, const repo::Snapshot& backup,
                     const NeededPacks& packs,
                     const std::function<void(const repo::TreeEntry&)>& visit) {
  repo::FrameReader frames(repository);
  repo::TreeReader tree(frames, backup.facts.tree);
  while (const std::optional<repo::TreeEntry> entry = tree.Next()) {
    if (IsLost(frames, entry->content, packs)) visit(*entry);
  }
}

}  // namespace holdfast::restore
