// Thousands of orders of what writers, readers, forgetters and prunes do (docs/format/protocol.md).
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "upkeep/testing/explorer.h"

namespace holdfast::upkeep {
namespace {

using testing::IsEmpty;

// More by the environment (tests/README.md). Sanitized programs are ten times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSchedules = 25;
#else
constexpr std::uint64_t kSchedules = 200;
#endif
// Each of the mutations below is found in some hundreds.
constexpr std::uint64_t kEnough = 3000;

struct Seeds {
  std::uint64_t first = 0;
  std::uint64_t count = kSchedules;
};

Seeds SeedsToTry() {
  Seeds seeds;
  if (const char* seed = std::getenv("HOLDFAST_SEED")) {
    seeds = {.first = std::stoull(seed), .count = 1};
  }
  if (const char* count = std::getenv("HOLDFAST_SCHEDULES")) seeds.count = std::stoull(count);
  return seeds;
}

// With all calls that led to it.
std::string Story(ExploreOptions options) {
  options.with_trace = true;
  const Exploration again = Explore(options);
  return fmt::format("{}\nHOLDFAST_SEED={}\n", fmt::join(again.trace, "\n"), options.seed);
}

std::string Report(const Counts& counts) {
  return fmt::format(
      "{} calls: {} commits, {} withdrawals, {} crashes, {} prunes that removed {} packs, "
      "{} backups forgotten, {} holds of which {} lapsed, {} leftovers of suspended writers",
      counts.calls, counts.commits, counts.withdrawals, counts.crashes, counts.prunes,
      counts.packs_removed, counts.forgotten, counts.holds, counts.lapses, counts.leftovers);
}

TEST(Schedules, LeaveNoBackupWithoutAPack) {
  const Seeds seeds = SeedsToTry();
  Counts total;
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    const Exploration result = Explore({.seed = seed});
    total.Add(result.counts);
    ASSERT_THAT(result.violations, IsEmpty()) << Story({.seed = seed});
  }
  std::cout << seeds.count << " schedules, " << Report(total) << "\n";
  if (seeds.count < kSchedules) return;
  // It is no proof where nothing happens.
  EXPECT_GT(total.commits, seeds.count);
  EXPECT_GT(total.withdrawals, 0U);
  EXPECT_GT(total.crashes, 0U);
  EXPECT_GT(total.packs_removed, seeds.count);
  EXPECT_GT(total.holds, seeds.count);
}

TEST(Schedules, AreTheSameForTheSameSeed) {
  for (const auto store : {StoreKind::kPrompt, StoreKind::kStale, StoreKind::kJumping}) {
    const ExploreOptions options{.seed = 7, .store = store, .with_trace = true};
    const Exploration first = Explore(options);
    EXPECT_GT(first.trace.size(), 100U);
    EXPECT_EQ(first.trace, Explore(options).trace);
  }
}

struct Mutation {
  std::string name;
  std::string found;       // in words of the ledger
  ExploreOptions options;  // with the seed to begin at: a few before one that finds it, to be quick
};

class Mutations : public testing::TestWithParam<Mutation> {};

// An explorer that finds nothing where something is wrong proves nothing.
TEST_P(Mutations, AreFound) {
  ExploreOptions options = GetParam().options;
  for (const std::uint64_t end = options.seed + kEnough; options.seed < end; ++options.seed) {
    const Exploration result = Explore(options);
    const auto found = std::ranges::find_if(result.violations, [](const std::string& violation) {
      return violation.find(GetParam().found) != std::string::npos;
    });
    if (found == result.violations.end()) continue;
    std::cout << "seed " << options.seed << ": " << *found << "\n";
    return;
  }
  FAIL() << kEnough << " schedules did not find it";
}

// What each writer, prune and reader must look at, or keep to.
INSTANTIATE_TEST_SUITE_P(
    Schedules, Mutations,
    testing::Values(
        Mutation{
            "WritersBlindToLists", "lacks a pack", {.seed = 700, .writers_blind_to = "prune/"}},
        Mutation{"PrunersBlindToLeases", "while it was leased", {.pruners_blind_to = "leases/"}},
        Mutation{"ShortGrace", "after it was forgotten", {.grace = std::chrono::hours(6)}},
        Mutation{"ListsGoFirst", "lacks a pack", {.seed = 5495, .lists_go_first = true}}),
    [](const auto& mutation) { return mutation.param.name; });

}  // namespace
}  // namespace holdfast::upkeep
