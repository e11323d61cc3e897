// The decay rule. Backups refer to packs of earlier ones, of which less and less is in use as pages
// change: what a backup reads lies scattered then, and packs are kept for little. So what lies in
// packs that are mostly dead is stored again from the source, a little with each backup: nothing
// ever has to be compacted.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/synchronized.h"
#include "catalog/cluster_facts.h"
#include "repo/ids.h"

namespace holdfast::backup {

// What of the packs that the previous backup used is stored again, at most `budget` bytes:
// - what lies in packs of which less than a quarter is in use;
// - where more than kManySmall packs give less than kSmallUse each, as frequent small backups leave
//   them, the smaller half of those. So a page is stored again only as often as the logarithm of
//   the number of backups.
// The thinnest come first.
inline constexpr std::size_t kManySmall = 64;
inline constexpr std::uint64_t kSmallUse = 2 * base::kMiB;
std::set<repo::ShortPackId> ChooseDecayed(const std::vector<catalog::PackUse>& used,
                                          std::uint64_t budget);

// A quarter of what the previous backup stored, so that the rule costs little beside the changes
// themselves, and enough to merge small packs whatever it was.
std::uint64_t DecayBudget(const catalog::ClusterFacts& previous);

// What a running backup uses of earlier packs. Thread-safe.
class OlderPacks {
 public:
  explicit OlderPacks(std::set<repo::ShortPackId> decayed = {}) : decayed_(std::move(decayed)) {}

  // Must what lies there be stored again?
  bool IsDecayed(const repo::PackId& pack) const {
    return decayed_.contains(repo::ShortPackId::Of(pack));
  }
  std::size_t decayed() const { return decayed_.size(); }

  // The backup uses `live` more bytes of the pack, as they are uncompressed, of the `total` in it.
  // 0 where that is not to be judged: metadata.
  void Count(const repo::PackId& pack, std::uint64_t live, std::uint64_t total);
  catalog::OlderPacksFacts Facts() const;

 private:
  struct Use {
    std::uint64_t live = 0;
    std::uint64_t total = 0;
  };
  const std::set<repo::ShortPackId> decayed_;
  base::Synchronized<std::map<repo::PackId, Use>> used_;
};

}  // namespace holdfast::backup
