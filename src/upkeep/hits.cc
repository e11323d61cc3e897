#include "upkeep/hits.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "repo/pack.h"

namespace holdfast::upkeep {

namespace {

constexpr std::size_t kMaxListedPages = 1000;

bool IsBad(const BadPacks& bad, const repo::FrameRef& frame) {
  const auto pack = bad.find(frame.pack);
  return pack != bad.end() && (pack->second.whole || pack->second.frames.contains(frame.frame));
}

// One file's hits, by the object that is to blame.
class FileHits {
 public:
  FileHits(const BadPacks& bad, repo::FrameReader& frames) : bad_(bad), frames_(frames) {}

  void Look(const repo::ExtentContent& content) {
    for (const repo::FrameRef& list : content.lists) Blame(list);
    try {
      frames_.ForEachExtent(content, [&](const repo::Extent& extent) { Blame(extent.frame); });
    } catch (const base::Error&) {
      // The list itself is bad and blamed already.
    }
  }

  void Look(const repo::PagedContent& content) {
    std::uint32_t first_page = 0;
    for (const repo::PagedContent::Part& part : content.parts) {
      LookAtPart(part, first_page);
      first_page += repo::kPagesPerMap;
    }
  }

  void Look(const repo::InlineContent&) {}
  void Look(const std::monostate&) {}

  std::map<std::string, Damage::Hit> Take() { return std::move(hits_); }

 private:
  Damage::Hit& Blame(const repo::PackId& pack) { return hits_[repo::PackObject(pack)]; }
  void Blame(const repo::FrameRef& frame) {
    if (IsBad(bad_, frame)) Blame(frame.pack);
  }
  void BlamePages(const repo::PackId& pack, std::uint32_t first, std::uint32_t count) {
    Damage::Hit& hit = Blame(pack);
    hit.page_count += count;
    for (std::uint32_t page = first; page < first + count && hit.pages.size() < kMaxListedPages;
         ++page) {
      hit.pages.push_back(page);
    }
  }

  void LookAtPart(const repo::PagedContent::Part& part, std::uint32_t first_page) {
    const auto* stored = std::get_if<repo::FrameRef>(&part.map);
    if (stored != nullptr && IsBad(bad_, *stored))
      return BlamePages(stored->pack, first_page, part.page_count);
    repo::PageMap map;
    try {
      map = frames_.Map(part);
    } catch (const base::Error&) {
      if (stored != nullptr) BlamePages(stored->pack, first_page, part.page_count);
      return;
    }
    for (const repo::PageRun& run : map.runs) LookAtRun(map, run, first_page);
  }

  void LookAtRun(const repo::PageMap& map, const repo::PageRun& run, std::uint32_t first_page) {
    if (run.pack == repo::PageRun::kZero) return;
    const repo::PackId& pack = map.packs[run.pack];
    const auto found = bad_.find(pack);
    if (found == bad_.end()) return;
    if (found->second.whole) return BlamePages(pack, first_page + run.first_page, run.page_count);
    for (std::uint32_t i = 0; i < run.page_count; ++i) {
      const std::uint32_t frame = run.frame + (run.first_in_frame + i) / repo::kPagesPerFrame;
      if (found->second.frames.contains(frame))
        BlamePages(pack, first_page + run.first_page + i, 1);
    }
  }

  const BadPacks& bad_;
  repo::FrameReader& frames_;
  std::map<std::string, Damage::Hit> hits_;
};

void LookAtTreeItself(const repo::Snapshot& snapshot, const BadPacks& bad, DamageLog& log) {
  for (const repo::FrameRef& frame : snapshot.facts.tree.index_frames) {
    if (IsBad(bad, frame))
      log.AddHit(repo::PackObject(frame.pack), {.backup = snapshot.id.ToString()});
  }
}

}  // namespace

void FindHits(const repo::Snapshot& snapshot, repo::FrameReader& frames, const BadPacks& bad,
              DamageLog& log) {
  LookAtTreeItself(snapshot, bad, log);
  try {
    repo::TreeReader tree(frames, snapshot.facts.tree);
    while (const auto entry = tree.Next()) {
      FileHits file(bad, frames);
      std::visit([&](const auto& content) { file.Look(content); }, entry->content);
      for (auto& [object, hit] : file.Take()) {
        hit.backup = snapshot.id.ToString();
        hit.path = entry->path;
        log.AddHit(object, std::move(hit));
      }
    }
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    const std::string object = repo::SnapshotObject(snapshot.id);
    log.Add(object, "its tree cannot be read to the end: " + error.message());
    log.AddHit(object, {.backup = snapshot.id.ToString()});
  }
}

}  // namespace holdfast::upkeep
