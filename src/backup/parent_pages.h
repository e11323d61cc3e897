// What the previous backup holds of a part of a file: finds out, by page hash, whether a page is
// stored already.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/reporter.h"
#include "repo/frame_reader.h"
#include "repo/page_map.h"
#include "repo/tree.h"
#include "repo/writer.h"

namespace holdfast::backup {

// Says which packs of earlier backups the new one may refer to, and registers those it does. One
// per worker.
class ReusablePacks {
 public:
  explicit ReusablePacks(repo::Writer& writer) : writer_(writer) {}
  // False when the pack is condemned: what it holds must be stored again.
  bool Use(const repo::PackId& pack);
  bool UseAll(const repo::PageMap& map);
  bool UseAll(const repo::ExtentContent& content, repo::FrameReader& frames);

 private:
  repo::Writer& writer_;
  std::unordered_map<repo::PackId, bool> known_;
};

// One part's worth. A map or a footer that cannot be read any more makes its pages count as
// changed, so that the new backup stores them again: the source still has what the repository lost.
class ParentPages {
 public:
  ParentPages(repo::FrameReader& frames, ReusablePacks& packs, const repo::PagedContent::Part* part,
              base::Reporter& report);

  std::uint32_t page_count() const { return map_.page_count; }
  // Where the page is stored already; empty when it must be stored.
  std::optional<repo::PagePlace> FindSame(std::uint32_t page, std::uint64_t hash);
  // The parent held an all-zero page there.
  bool WasZero(std::uint32_t page) const;

 private:
  const repo::PackFooter* Footer(const repo::PackId& pack);

  repo::FrameReader& frames_;
  ReusablePacks& packs_;
  base::Reporter& report_;
  repo::PageMap map_;
  repo::PackId footer_pack_;
  std::shared_ptr<const repo::PackFooter> footer_;  // of footer_pack_; empty when it cannot be read
};

}  // namespace holdfast::backup
