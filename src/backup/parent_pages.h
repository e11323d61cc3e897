// What the previous backup holds of a part of a file: finds out, by page hash, whether a page is
// stored already.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "backup/decay.h"
#include "backup/parent_losses.h"
#include "pg/block_set.h"
#include "repo/frame_reader.h"
#include "repo/page_map.h"
#include "repo/tree.h"
#include "repo/writer.h"

namespace holdfast::backup {

// Says which packs of earlier backups the new one may refer to, and registers those it does. One
// per worker.
class ReusablePacks {
 public:
  ReusablePacks(repo::Writer& writer, repo::FrameReader& frames, ParentLosses& losses,
                OlderPacks& older)
      : writer_(writer), frames_(frames), losses_(losses), older_(older) {}
  // False when what the pack holds must be stored again: it is condemned, or was found damaged, or
  // is not there, or not the one it should be, or decayed.
  bool Use(const repo::PackId& pack);
  // Use() would say yes.
  bool IsUsable(const repo::PackId& pack);
  // All or none. Of a large file even what lies in decayed packs: it would be stored again whole.
  bool UseAll(const repo::PageMap& map);
  bool UseAll(const repo::ExtentContent& content);
  bool UseAllOfLarge(const repo::ExtentContent& content);

  // For the decay rule: what the new backup refers to. Of a map, runs in packs of `parent`; of its
  // own packs nothing.
  void Count(const repo::PageMap& map, const repo::PageMap& parent);
  void Count(const repo::ExtentContent& content);
  void CountMeta(const repo::FrameRef& frame);

 private:
  struct Known {
    bool sound = false;
    bool decayed = false;
    std::uint64_t total = 0;  // bytes of content, as they are uncompressed
  };
  const Known& Look(const repo::PackId& pack);
  bool UseAllThatAre(const repo::ExtentContent& content,
                     const std::function<bool(const repo::PackId&)>& usable);
  bool IsSound(const repo::PackId& pack, std::uint64_t& total);

  repo::Writer& writer_;
  repo::FrameReader& frames_;
  ParentLosses& losses_;
  OlderPacks& older_;
  std::unordered_map<repo::PackId, Known> known_;
};

// One part's worth. A map or a footer that cannot be read any more makes its pages count as
// changed, so that the new backup stores them again: the source still has what the repository lost.
class ParentPages {
 public:
  ParentPages(repo::FrameReader& frames, ReusablePacks& packs, const repo::PagedContent::Part* part,
              ParentLosses& losses);

  std::uint32_t page_count() const { return map_.page_count; }
  const repo::PageMap& map() const { return map_; }
  // Adds the pages whose pack is lost, damaged or condemned: they must be stored again.
  void AddUnusable(pg::BlockSet& pages) const;
  // Where a page is stored that is known to be the same; not of those that AddUnusable names.
  repo::PagePlace Keep(std::uint32_t page);
  // Where the page is stored already; empty when it must be stored.
  std::optional<repo::PagePlace> FindSame(std::uint32_t page, std::uint64_t hash);
  // The parent held an all-zero page there.
  bool WasZero(std::uint32_t page) const;

 private:
  bool Holds(const repo::PagePlace& place, std::uint64_t hash);
  const repo::PackFooter* Footer(const repo::PackId& pack);

  repo::FrameReader& frames_;
  ReusablePacks& packs_;
  ParentLosses& losses_;
  repo::PageMap map_;
  repo::PackId footer_pack_;
  std::shared_ptr<const repo::PackFooter> footer_;  // of footer_pack_; empty when it cannot be read
};

}  // namespace holdfast::backup
