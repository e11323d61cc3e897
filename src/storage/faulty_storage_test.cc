#include "storage/testing/faulty_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "storage/memory_storage.h"

namespace holdfast::storage {
namespace {

using testing::ElementsAre;

class FaultyStorageTest : public testing::Test {
 protected:
  std::vector<std::string> Names(Storage& storage) {
    std::vector<std::string> names;
    for (const ObjectInfo& object : ListAll(storage, "")) names.push_back(object.name);
    return names;
  }
  PutOutcome Put(std::string_view name, std::string_view text = "text") {
    return storage_.Put(name, base::AsBytes(text));
  }

  base::ManualClock clock_;
  std::shared_ptr<MemoryStorage> memory_ = std::make_shared<MemoryStorage>(clock_);
  FaultyStorage storage_{memory_};
};

TEST_F(FaultyStorageTest, StrikesTheCallItWasToldTo) {
  storage_.Inject({.verb = Verb::kPut, .prefix = "p/", .call = 1, .times = 2});
  EXPECT_EQ(Put("q/1"), PutOutcome::kStored);
  EXPECT_EQ(Put("p/1"), PutOutcome::kStored);
  EXPECT_EQ(storage_.Get("p/1"), base::ToBytes("text"));
  EXPECT_THROW(static_cast<void>(Put("p/2")), base::Error);
  EXPECT_EQ(Put("q/2"), PutOutcome::kStored);
  EXPECT_THROW(static_cast<void>(Put("p/3")), base::Error);
  EXPECT_EQ(Put("p/4"), PutOutcome::kStored);
  EXPECT_THAT(Names(*memory_), ElementsAre("p/1", "p/4", "q/1", "q/2"));
  EXPECT_EQ(storage_.call_count(), 7U);
}

TEST_F(FaultyStorageTest, FailsAfterItWasDone) {
  storage_.Inject({.kind = FaultKind::kFailApplied});
  EXPECT_THROW(static_cast<void>(Put("a")), base::Error);
  EXPECT_EQ(memory_->Get("a"), base::ToBytes("text"));
}

TEST_F(FaultyStorageTest, StaysCrashedUntilItRecovers) {
  storage_.Inject({.kind = FaultKind::kCrashNotApplied, .call = 1});
  EXPECT_EQ(Put("a"), PutOutcome::kStored);
  EXPECT_THROW(static_cast<void>(Put("b")), SimulatedCrash);
  EXPECT_THROW(storage_.Get("a"), SimulatedCrash);
  EXPECT_TRUE(storage_.crashed());
  storage_.Recover();
  EXPECT_THAT(Names(storage_), ElementsAre("a"));
}

TEST_F(FaultyStorageTest, CrashesAfterItWasDone) {
  storage_.Inject({.kind = FaultKind::kCrashApplied, .verb = Verb::kPut});
  EXPECT_THROW(static_cast<void>(Put("a")), SimulatedCrash);
  storage_.Recover();
  EXPECT_THAT(Names(storage_), ElementsAre("a"));
}

TEST_F(FaultyStorageTest, LosesWhatItAcknowledgedOnlyInACrash) {
  storage_.Inject({.kind = FaultKind::kLoseAfterCrash, .verb = Verb::kPut});
  EXPECT_EQ(Put("lost"), PutOutcome::kStored);
  EXPECT_EQ(Put("kept"), PutOutcome::kStored);
  EXPECT_EQ(storage_.Get("lost"), base::ToBytes("text"));
  storage_.Inject({.kind = FaultKind::kCrashNotApplied});
  EXPECT_THROW(storage_.Get("lost"), SimulatedCrash);
  storage_.Recover();
  EXPECT_THAT(Names(storage_), ElementsAre("kept"));
}

TEST_F(FaultyStorageTest, DamagesBodies) {
  EXPECT_EQ(Put("a", "0123"), PutOutcome::kStored);
  EXPECT_EQ(Put("b", "other"), PutOutcome::kStored);
  storage_.Inject({.kind = FaultKind::kTruncate, .verb = Verb::kGet, .byte = 2});
  EXPECT_EQ(storage_.Get("a"), base::ToBytes("01"));
  storage_.Inject({.kind = FaultKind::kFlipBit, .verb = Verb::kGetRange, .byte = 1});
  EXPECT_EQ(storage_.GetRange("a", 1, 3), base::ToBytes("133"));
  storage_.Inject({.kind = FaultKind::kWrongObject, .verb = Verb::kGet, .other = "b"});
  EXPECT_EQ(storage_.Get("a"), base::ToBytes("other"));
  EXPECT_EQ(storage_.Get("a"), base::ToBytes("0123"));
  storage_.Inject({.kind = FaultKind::kTruncate, .verb = Verb::kPut, .byte = 1});
  EXPECT_EQ(Put("c", "0123"), PutOutcome::kStored);
  EXPECT_EQ(storage_.Get("c"), base::ToBytes("0"));
}

TEST_F(FaultyStorageTest, DamagesObjectsAtRest) {
  EXPECT_EQ(Put("a", "0123"), PutOutcome::kStored);
  storage_.FlipBitAtRest("a", 3);
  EXPECT_EQ(storage_.Get("a"), base::ToBytes("0122"));
  storage_.TruncateAtRest("a", 1);
  EXPECT_EQ(storage_.Get("a"), base::ToBytes("0"));
  EXPECT_THROW(storage_.FlipBitAtRest("absent", 0), base::Error);
}

TEST_F(FaultyStorageTest, ListsThePastOrAPart) {
  EXPECT_EQ(Put("a"), PutOutcome::kStored);
  EXPECT_EQ(Put("b"), PutOutcome::kStored);
  storage_.RememberListing();
  EXPECT_EQ(storage_.Remove("a"), RemoveOutcome::kRemoved);
  EXPECT_EQ(Put("c"), PutOutcome::kStored);
  storage_.Inject({.kind = FaultKind::kStaleListing, .verb = Verb::kList});
  EXPECT_THAT(Names(storage_), ElementsAre("a", "b"));
  EXPECT_THAT(Names(storage_), ElementsAre("b", "c"));
  for (const std::uint64_t count : {0U, 1U, 2U, 9U}) {
    storage_.ClearFaults();
    storage_.Inject({.kind = FaultKind::kTruncate, .verb = Verb::kList, .byte = count});
    std::uint64_t given = 0;
    EXPECT_THROW(storage_.List("", "", [&](const ObjectInfo&) { ++given; }), base::Error);
    EXPECT_EQ(given, std::min<std::uint64_t>(count, 2));
  }
}

TEST_F(FaultyStorageTest, HasASkewedClock) {
  storage_.SetClockSkew(std::chrono::hours(2));
  EXPECT_EQ(Put("a"), PutOutcome::kStored);
  EXPECT_EQ(storage_.StoreTime(), clock_.Now() + std::chrono::hours(2));
  EXPECT_EQ(storage_.Stat("a")->modified, storage_.StoreTime());
  EXPECT_EQ(ListAll(storage_, "")[0].modified, storage_.StoreTime());
}

TEST_F(FaultyStorageTest, RefusesAnObjectThatIsAFolderAsADirectoryDoes) {
  EXPECT_EQ(Put("a/b"), PutOutcome::kStored);
  for (const char* name : {"a", "a/b/c"}) {
    try {
      static_cast<void>(Put(name));
      ADD_FAILURE() << name;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kConflict);
    }
  }
  EXPECT_EQ(Put("a-b"), PutOutcome::kStored);
}

}  // namespace
}  // namespace holdfast::storage
