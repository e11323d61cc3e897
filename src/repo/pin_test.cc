#include "repo/pin.h"

#include <gtest/gtest.h>

#include "base/testing/manual_clock.h"
#include "storage/memory_storage.h"

namespace holdfast::repo {
namespace {

const BackupId kBackup = BackupId::Parse("shop/20261121T070003Z-4f2a");
const BackupId kOther = BackupId::Parse("lab/20261121T070003Z-4f2a");

class PinTest : public testing::Test {
 protected:
  bool Pinned(const BackupId& id) { return IsPinned(ListPins(storage_), id, storage_.StoreTime()); }

  base::ManualClock clock_;
  storage::MemoryStorage storage_{clock_};
};

TEST_F(PinTest, HoldsUntilItIsRemoved) {
  EXPECT_FALSE(Pinned(kBackup));
  PutPin(storage_, kBackup, std::nullopt);
  clock_.Advance(std::chrono::hours(24 * 10'000));
  EXPECT_TRUE(Pinned(kBackup));
  EXPECT_FALSE(Pinned(kOther));
  EXPECT_EQ(RemovePins(storage_, kBackup), 1U);
  EXPECT_FALSE(Pinned(kBackup));
  EXPECT_TRUE(storage::ListAll(storage_, "").empty());
}

TEST_F(PinTest, EndsAtItsTimeOnTheStoresClock) {
  PutPin(storage_, kBackup, clock_.Now() + std::chrono::hours(1));
  EXPECT_TRUE(Pinned(kBackup));
  clock_.Advance(std::chrono::hours(1));
  EXPECT_FALSE(Pinned(kBackup));
}

TEST_F(PinTest, OfSeveralPinsTheLongestHolds) {
  PutPin(storage_, kBackup, std::nullopt);
  PutPin(storage_, kBackup, clock_.Now() + std::chrono::hours(1));
  clock_.Advance(std::chrono::hours(2));
  EXPECT_TRUE(Pinned(kBackup));
  EXPECT_EQ(RemovePins(storage_, kBackup), 2U);
}

TEST_F(PinTest, ListsThoseOfOneSource) {
  PutPin(storage_, kBackup, std::nullopt);
  PutPin(storage_, kOther, std::nullopt);
  EXPECT_EQ(ListPins(storage_).size(), 2U);
  const Pins pins = ListPins(storage_, "lab");
  ASSERT_EQ(pins.size(), 1U);
  EXPECT_EQ(pins.begin()->first, kOther);
  EXPECT_FALSE(pins.begin()->second.at(0).host.empty());
}

TEST_F(PinTest, OneThatCannotBeReadHolds) {
  (void)storage_.Put(PinsOf(kBackup) + "0123456789abcdef", base::AsBytes("{\"until\":"));
  EXPECT_TRUE(Pinned(kBackup));
}

TEST_F(PinTest, KnowsItsNames) {
  EXPECT_EQ(PinnedBy(PinsOf(kBackup) + "0123456789abcdef"), kBackup);
  for (const char* name : {"pins/shop/20261121T070003Z-4f2a/0123456789abcde",
                           "pins/shop/20261121T070003Z-4f2a/0123456789ABCDEF",
                           "pins/shop/0123456789abcdef", "pins/0123456789abcdef", "pins/x"}) {
    EXPECT_FALSE(PinnedBy(name)) << name;
  }
}

}  // namespace
}  // namespace holdfast::repo
