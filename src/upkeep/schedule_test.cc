// Thousands of orders of what writers, readers, forgetters and prunes do (docs/format/protocol.md).
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "upkeep/testing/explorer.h"

namespace holdfast::upkeep {
namespace {

// Sanitized programs are ten times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSchedules = 60;
#else
constexpr std::uint64_t kSchedules = 600;
#endif
constexpr std::uint64_t kEnough = 20'000;

std::uint64_t NumberFrom(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
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
  const std::uint64_t first = NumberFrom("HOLDFAST_SEED", 0);
  const bool one = std::getenv("HOLDFAST_SEED") != nullptr;
  const std::uint64_t count = one ? 1 : NumberFrom("HOLDFAST_SCHEDULES", kSchedules);
  Counts total;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Exploration result = Explore({.seed = seed});
    total.Add(result.counts);
    ASSERT_FALSE(result.violation) << *result.violation << "\n" << Story({.seed = seed});
  }
  std::cout << count << " schedules, " << Report(total) << "\n";
}

}  // namespace
}  // namespace holdfast::upkeep
