#include "storage/limited_storage.h"

#include <gtest/gtest.h>

#include "base/testing/manual_clock.h"
#include "storage/memory_storage.h"

namespace holdfast::storage {
namespace {

using std::chrono::milliseconds;

TEST(LimitedStorage, MakesEachDirectionWaitForItsOwnBytes) {
  base::ManualClock clock;
  LimitedStorage storage(std::make_shared<MemoryStorage>(clock),
                         std::make_shared<base::RateLimit>(1000, clock),
                         std::make_shared<base::RateLimit>(500, clock));
  const base::Time start = clock.Now();
  ASSERT_EQ(storage.Put("a", base::Bytes(1000)), PutOutcome::kStored);
  EXPECT_EQ(clock.Now() - start, milliseconds(750));  // a quarter of a second is free
  ASSERT_TRUE(storage.Get("a"));
  EXPECT_EQ(clock.Now() - start, milliseconds(2500));
  ASSERT_TRUE(storage.GetRange("a", 0, 500));
  EXPECT_EQ(clock.Now() - start, milliseconds(3500));
  EXPECT_FALSE(storage.Get("b"));
  EXPECT_EQ(storage.Stat("a")->size, 1000U);
  EXPECT_EQ(clock.Now() - start, milliseconds(3500));
}

TEST(LimitedStorage, LimitsNothingThatIsNotLimited) {
  base::ManualClock clock;
  LimitedStorage storage(std::make_shared<MemoryStorage>(clock), nullptr, nullptr);
  const base::Time start = clock.Now();
  ASSERT_EQ(storage.Put("a", base::Bytes(1'000'000)), PutOutcome::kStored);
  ASSERT_TRUE(storage.Get("a"));
  EXPECT_EQ(clock.Now(), start);
}

}  // namespace
}  // namespace holdfast::storage
