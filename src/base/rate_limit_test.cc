#include "base/rate_limit.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/testing/manual_clock.h"

namespace holdfast::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateLimit, LetsItsRatePassInTheLongRun) {
  ManualClock clock;
  RateLimit limit(1000, clock);
  const Time start = clock.Now();
  for (int i = 0; i < 100; ++i) limit.Take(100);
  EXPECT_EQ(clock.Now() - start, milliseconds(9750));
}

TEST(RateLimit, LetsAPieceLargerThanASecondsBytesPassAndMakesTheNextOneWaitForIt) {
  ManualClock clock;
  RateLimit limit(10, clock);
  EXPECT_EQ(limit.Take(1000), milliseconds(99'750));
  EXPECT_EQ(limit.Take(10), seconds(1));
}

TEST(RateLimit, SavesUpAQuarterOfASecondOnly) {
  ManualClock clock;
  RateLimit limit(1000, clock);
  clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(limit.Take(250), Duration::zero());
  EXPECT_EQ(limit.Take(1000), seconds(1));
}

TEST(RateLimit, IsSharedByThreads) {
  ManualClock clock;  // every sleep moves it for all
  RateLimit limit(1'000'000, clock);
  const Time start = clock.Now();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) limit.Take(10'000);
    });
  }
  threads.clear();
  // Ten megabytes at a megabyte a second, however the threads are mixed.
  EXPECT_GE(clock.Now() - start, milliseconds(9750));
}

TEST(RateLimit, EndsItsWaitWhenStopped) {
  SystemClock clock;
  RateLimit limit(1, clock);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_LT(limit.Take(1000, stop.get_token()), seconds(60));
}

}  // namespace
}  // namespace holdfast::base
