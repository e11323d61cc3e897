#include "restore/lost_files.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "repo/frame_reader.h"
#include "repo/tree.h"

namespace holdfast::restore {

namespace {

class Search {
 public:
  Search(const repo::Repository& repository, const NeededPacks& packs)
      : frames_(repository), packs_(packs) {}

  void Run(const repo::TreeRoot& tree, const std::function<void(const repo::TreeEntry&)>& visit) {
    repo::TreeReader reader(frames_, tree);
    while (const std::optional<repo::TreeEntry> entry = reader.Next()) {
      if (IsLost(*entry)) visit(*entry);
    }
  }

 private:
  bool IsLost(const repo::TreeEntry& entry) {
    try {
      if (const auto* paged = std::get_if<repo::PagedContent>(&entry.content)) {
        for (const repo::PagedContent::Part& part : paged->parts) Read(frames_.Map(part));
      } else if (const auto* extents = std::get_if<repo::ExtentContent>(&entry.content)) {
        frames_.ForEachExtent(*extents, [this](const repo::Extent& extent) { Read(extent.frame); });
      }
      return false;
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kCorrupt) throw;
      return true;
    }
  }

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

  repo::FrameReader frames_;
  const NeededPacks& packs_;
};

}  // namespace

void ForEachLostFile(const repo::Repository& repository, const repo::Snapshot& backup,
                     const NeededPacks& packs,
                     const std::function<void(const repo::TreeEntry&)>& visit) {
  Search(repository, packs).Run(backup.facts.tree, visit);
}

}  // namespace holdfast::restore
