#include "backup/decay.h"

#include <algorithm>

#include "repo/pack.h"
#include "repo/page_map.h"

namespace holdfast::backup {

namespace {

constexpr std::uint64_t kMinBudget = 16 * base::kMiB;
// A record names so many: more than can be stored again before the next one is written.
constexpr std::size_t kMaxThin = 1000;

bool IsSmall(const catalog::PackUse& use) { return use.live_bytes < kSmallUse; }
bool IsMostlyDead(const catalog::PackUse& use) { return use.live_bytes * 4 < use.total_bytes; }

}  // namespace

std::set<repo::ShortPackId> ChooseDecayed(const std::vector<catalog::PackUse>& used,
                                          std::uint64_t budget) {
  std::vector<catalog::PackUse> thinnest = used;
  std::ranges::sort(thinnest, {}, [](const catalog::PackUse& use) {
    return std::pair(use.live_bytes, use.pack);
  });
  const auto small = static_cast<std::size_t>(std::ranges::count_if(thinnest, IsSmall));
  std::size_t to_merge = small > kManySmall ? small / 2 : 0;
  std::set<repo::ShortPackId> decayed;
  for (const catalog::PackUse& use : thinnest) {
    const bool merged = to_merge > 0;
    if (merged) --to_merge;
    if (!merged && !IsMostlyDead(use)) continue;
    if (use.live_bytes > budget) break;
    budget -= use.live_bytes;
    decayed.insert(use.pack);
  }
  return decayed;
}

std::uint64_t DecayBudget(const catalog::ClusterFacts& previous) {
  return std::max(kMinBudget, previous.pages_changed * repo::kPageSize / 4);
}

void OlderPacks::Count(const repo::PackId& pack, std::uint64_t live, std::uint64_t total) {
  used_.With([&](std::map<repo::PackId, Use>& used) {
    Use& use = used[pack];
    use.live += live;
    use.total = total;
  });
}

catalog::OlderPacksFacts OlderPacks::Facts() const {
  catalog::OlderPacksFacts facts;
  used_.With([&](const std::map<repo::PackId, Use>& used) {
    for (const auto& [pack, use] : used) {
      ++facts.packs;
      facts.live_bytes += use.live;
      facts.total_bytes += std::max(use.live, use.total);
      const catalog::PackUse one{
          .pack = repo::ShortPackId::Of(pack), .live_bytes = use.live, .total_bytes = use.total};
      if (IsSmall(one) || IsMostlyDead(one)) facts.thin.push_back(one);
    }
  });
  std::ranges::sort(facts.thin, {}, &catalog::PackUse::live_bytes);
  if (facts.thin.size() > kMaxThin) facts.thin.resize(kMaxThin);
  return facts;
}

}  // namespace holdfast::backup
