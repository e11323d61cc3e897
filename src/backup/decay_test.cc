#include "backup/decay.h"

#include <gtest/gtest.h>

namespace holdfast::backup {
namespace {

catalog::PackUse Use(std::uint8_t number, std::uint64_t live, std::uint64_t total) {
  catalog::PackUse use{.pack = {}, .live_bytes = live, .total_bytes = total};
  use.pack.bytes[0] = number;
  return use;
}

TEST(Decay, TakesWhatIsMostlyDead) {
  constexpr std::uint64_t kFull = 40 * base::kMiB;
  const std::vector<catalog::PackUse> used = {Use(1, kFull, kFull), Use(2, kFull / 4, kFull),
                                              Use(3, kFull / 4 - 1, kFull), Use(4, 100, 100),
                                              Use(5, 8192, kFull)};
  EXPECT_EQ(ChooseDecayed(used, kFull), (std::set{Use(3, 0, 0).pack, Use(5, 0, 0).pack}));
  EXPECT_EQ(ChooseDecayed(used, 9000), std::set{Use(5, 0, 0).pack});
  EXPECT_TRUE(ChooseDecayed(used, 8191).empty());
}

TEST(Decay, MergesManySmallOnesTheSmallestFirst) {
  std::vector<catalog::PackUse> used;
  for (std::uint8_t number = 0; number < kManySmall; ++number)
    used.push_back(Use(number, 1000 - number, 1000));
  EXPECT_TRUE(ChooseDecayed(used, base::kMiB).empty());
  used.push_back(Use(200, 5000, 0));  // metadata
  const auto chosen = ChooseDecayed(used, base::kMiB);
  EXPECT_EQ(chosen.size(), used.size() / 2);
  EXPECT_TRUE(chosen.contains(Use(63, 0, 0).pack));
  EXPECT_FALSE(chosen.contains(Use(0, 0, 0).pack));
}

TEST(Decay, RecordsWhatIsThin) {
  OlderPacks packs;
  repo::PackId full;
  repo::PackId thin;
  thin.bytes[0] = 1;
  packs.Count(full, 20 * base::kMiB, 32 * base::kMiB);
  packs.Count(thin, 8192, 32 * base::kMiB);
  packs.Count(thin, 8192, 32 * base::kMiB);
  const catalog::OlderPacksFacts facts = packs.Facts();
  EXPECT_EQ(facts.packs, 2U);
  EXPECT_EQ(facts.live_bytes, 20 * base::kMiB + 16384);
  EXPECT_EQ(facts.total_bytes, 64 * base::kMiB);
  ASSERT_EQ(facts.thin.size(), 1U);
  EXPECT_EQ(facts.thin[0].pack, repo::ShortPackId::Of(thin));
  EXPECT_EQ(facts.thin[0].live_bytes, 16384U);
}

}  // namespace
}  // namespace holdfast::backup
