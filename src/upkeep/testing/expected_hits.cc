#include "upkeep/testing/expected_hits.h"

#include <variant>

#include "repo/frame_reader.h"
#include "repo/tree_codec.h"

namespace holdfast::upkeep {

namespace {

class Reference {
 public:
  Reference(const repo::Repository& whole, const BadPacks& bad) : frames_(whole), bad_(bad) {}

  void Look(const repo::Snapshot& backup) {
    backup_ = backup.id.ToString();
    for (const repo::FrameRef& index : backup.facts.tree.index_frames) {
      if (IsBad(index)) {
        Hit(index.pack, "");
        continue;
      }
      const auto bytes = frames_.Read(index);
      for (const repo::TreeIndexEntry& group : repo::DecodeTreeIndex(*bytes, index.pack)) {
        LookAtGroup(group.frame);
      }
    }
  }

  Hits Take() { return std::move(hits_); }

 private:
  bool IsBad(const repo::FrameRef& frame) const {
    const auto found = bad_.find(frame.pack);
    return found != bad_.end() && found->second.Takes(frame.frame);
  }

  std::set<std::uint32_t>& Hit(const repo::PackId& pack, const std::string& path) {
    return hits_[{.object = repo::PackObject(pack), .backup = backup_, .path = path}];
  }

  void LookAtGroup(const repo::FrameRef& group) {
    if (IsBad(group)) {
      Hit(group.pack, "");
      return;
    }
    const auto bytes = frames_.Read(group);
    repo::TreeGroupDecoder decoder(*bytes, group.pack);
    while (const auto entry = decoder.Next()) {
      if (const auto* extents = std::get_if<repo::ExtentContent>(&entry->content)) {
        LookAtPlain(entry->path, *extents);
      }
      if (const auto* pages = std::get_if<repo::PagedContent>(&entry->content)) {
        LookAtPages(entry->path, *pages);
      }
    }
  }

  void LookAtPlain(const std::string& path, const repo::ExtentContent& content) {
    for (const repo::FrameRef& list : content.lists) {
      if (IsBad(list)) {
        Hit(list.pack, path);
        continue;
      }
      for (const repo::Extent& extent : repo::DecodeExtents(*frames_.Read(list))) {
        if (IsBad(extent.frame)) Hit(extent.frame.pack, path);
      }
    }
    for (const repo::Extent& extent : content.extents) {
      if (IsBad(extent.frame)) Hit(extent.frame.pack, path);
    }
  }

  void LookAtPages(const std::string& path, const repo::PagedContent& content) {
    std::uint32_t first = 0;
    for (const repo::PagedContent::Part& part : content.parts) {
      const auto* stored = std::get_if<repo::FrameRef>(&part.map);
      const repo::PageMap map = frames_.Map(part);
      for (std::uint32_t page = 0; page < part.page_count; ++page) {
        const repo::PagePlace place = map.Find(page);
        if (stored != nullptr && IsBad(*stored)) {
          Hit(stored->pack, path).insert(first + page);
        } else if (!place.zero && IsBad(place.frame)) {
          Hit(place.frame.pack, path).insert(first + page);
        }
      }
      first += part.page_count;
    }
  }

  repo::FrameReader frames_;
  const BadPacks& bad_;
  std::string backup_;
  Hits hits_;
};

}  // namespace

Hits ExpectedHits(const repo::Repository& whole, const std::vector<repo::Snapshot>& backups,
                  const BadPacks& bad) {
  Reference reference(whole, bad);
  for (const repo::Snapshot& backup : backups) reference.Look(backup);
  return reference.Take();
}

Hits HitsOf(const std::vector<Damage>& damages) {
  Hits hits;
  for (const Damage& damage : damages) {
    if (!damage.object.starts_with(repo::kPacksPrefix)) continue;
    for (const Damage::Hit& hit : damage.hits) {
      hits[{.object = damage.object, .backup = hit.backup, .path = hit.path}].insert(
          hit.pages.begin(), hit.pages.end());
    }
  }
  return hits;
}

}  // namespace holdfast::upkeep
