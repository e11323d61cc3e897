#include "storage/metered_storage.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "storage/memory_storage.h"
#include "storage/testing/faulty_storage.h"

namespace holdfast::storage {
namespace {

TEST(MeteredStorage, CountsEachVerb) {
  const base::ManualClock clock;
  MeteredStorage storage(std::make_shared<MemoryStorage>(clock));
  EXPECT_EQ(storage.Put("a", base::AsBytes("12345")), PutOutcome::kStored);
  EXPECT_EQ(storage.Put("b", base::AsBytes("123")), PutOutcome::kStored);
  storage.Get("a");
  storage.Get("absent");
  storage.GetRange("a", 3, 100);
  storage.Stat("a");
  ListAll(storage, "");
  ListAll(storage, "b");
  EXPECT_EQ(storage.Remove("a"), RemoveOutcome::kRemoved);

  const StorageUse use = storage.use();
  EXPECT_EQ(use.put.requests, 2U);
  EXPECT_EQ(use.put.bytes, 8U);
  EXPECT_EQ(use.get.requests, 2U);
  EXPECT_EQ(use.get.bytes, 5U);
  EXPECT_EQ(use.get_range.requests, 1U);
  EXPECT_EQ(use.get_range.bytes, 2U);
  EXPECT_EQ(use.stat.requests, 1U);
  EXPECT_EQ(use.list.requests, 2U);
  EXPECT_EQ(use.objects_listed, 3U);
  EXPECT_EQ(use.remove.requests, 1U);
  EXPECT_EQ(use.put.failures + use.get.failures + use.list.failures, 0U);
}

TEST(MeteredStorage, CountsFailures) {
  const base::ManualClock clock;
  auto faulty = std::make_shared<FaultyStorage>(std::make_shared<MemoryStorage>(clock));
  faulty->Inject({.verb = Verb::kPut});
  MeteredStorage storage(faulty);
  EXPECT_THROW(static_cast<void>(storage.Put("a", base::AsBytes("12345"))), base::Error);
  EXPECT_EQ(storage.use().put.requests, 1U);
  EXPECT_EQ(storage.use().put.failures, 1U);
  EXPECT_EQ(storage.use().put.bytes, 0U);
}

}  // namespace
}  // namespace holdfast::storage
