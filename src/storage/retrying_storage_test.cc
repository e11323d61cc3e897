#include "storage/retrying_storage.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "storage/memory_storage.h"
#include "storage/testing/faulty_storage.h"

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using std::chrono::seconds;

class RetryingStorageTest : public testing::Test {
 protected:
  template <typename Work>
  base::Error ThrownBy(Work&& work) {
    try {
      work();
    } catch (const base::Error& error) {
      return error;
    }
    return {ErrorKind::kInternal, "nothing was thrown"};
  }

  base::Duration Elapsed() const { return clock_.Now() - start_; }

  base::ManualClock clock_;
  base::Time start_ = clock_.Now();
  std::shared_ptr<MemoryStorage> memory_ = std::make_shared<MemoryStorage>(clock_);
  std::shared_ptr<FaultyStorage> faulty_ = std::make_shared<FaultyStorage>(memory_);
  std::stop_source stop_;
  RetryingStorage storage_{
      faulty_,
      clock_,
      {.first_delay = seconds(1), .longest_delay = seconds(8), .deadline = seconds(60)},
      stop_.get_token()};
};

TEST_F(RetryingStorageTest, TriesAgainUntilItWorksWithGrowingDelays) {
  faulty_->Inject({.verb = Verb::kGet, .times = 5});
  EXPECT_EQ(storage_.Get("a"), std::nullopt);
  EXPECT_EQ(faulty_->call_count(), 6U);
  // 1 + 2 + 4 + 8 + 8 seconds, each cut by up to a half.
  EXPECT_GE(Elapsed(), seconds(11));
  EXPECT_LE(Elapsed(), seconds(23));
}

TEST_F(RetryingStorageTest, GivesUpWithinItsDeadline) {
  faulty_->Inject({.times = 1000});
  const base::Error error = ThrownBy([&] { storage_.Stat("a"); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_NE(error.message().find("attempts"), std::string::npos);
  EXPECT_LE(Elapsed(), seconds(60));
  EXPECT_GE(Elapsed(), seconds(60 - 8));
}

TEST_F(RetryingStorageTest, TriesNothingElseAgain) {
  EXPECT_EQ(ThrownBy([&] { storage_.Get("not//a name"); }).kind(), ErrorKind::kInternal);
  EXPECT_EQ(faulty_->call_count(), 1U);
  EXPECT_EQ(Elapsed(), base::Duration(0));
}

TEST_F(RetryingStorageTest, LetsACrashThrough) {
  faulty_->Inject({.kind = FaultKind::kCrashNotApplied});
  EXPECT_THROW(storage_.Get("a"), SimulatedCrash);
}

TEST_F(RetryingStorageTest, EndsItsWaitWhenStopped) {
  faulty_->Inject({.times = 1000});
  stop_.request_stop();
  EXPECT_EQ(ThrownBy([&] { storage_.Get("a"); }).kind(), ErrorKind::kCancelled);
  EXPECT_EQ(faulty_->call_count(), 1U);
}

TEST_F(RetryingStorageTest, KnowsItsOwnPutAgain) {
  faulty_->Inject({.kind = FaultKind::kFailApplied, .verb = Verb::kPut});
  EXPECT_EQ(storage_.Put("a", base::AsBytes("mine")), PutOutcome::kStored);
  EXPECT_EQ(memory_->Get("a"), base::ToBytes("mine"));
}

TEST_F(RetryingStorageTest, DoesNotTakeThePutOfAnotherForItsOwn) {
  ASSERT_EQ(memory_->Put("a", base::AsBytes("theirs")), PutOutcome::kStored);
  faulty_->Inject({.kind = FaultKind::kFailApplied, .verb = Verb::kPut});
  EXPECT_EQ(storage_.Put("a", base::AsBytes("mine")), PutOutcome::kAlreadyThere);
  // Without a failure there is no doubt, and the contents are not asked for.
  const auto calls = faulty_->call_count();
  EXPECT_EQ(storage_.Put("a", base::AsBytes("theirs")), PutOutcome::kAlreadyThere);
  EXPECT_EQ(faulty_->call_count(), calls + 1);
}

TEST_F(RetryingStorageTest, CallsItsOwnRemoveARemove) {
  ASSERT_EQ(memory_->Put("a", {}), PutOutcome::kStored);
  faulty_->Inject({.kind = FaultKind::kFailApplied, .verb = Verb::kRemove});
  EXPECT_EQ(storage_.Remove("a"), RemoveOutcome::kRemoved);
  EXPECT_EQ(storage_.Remove("a"), RemoveOutcome::kWasAbsent);
}

TEST_F(RetryingStorageTest, GoesOnWithAListingWhereItBroke) {
  std::vector<std::string> expected;
  for (int i = 100; i < 130; ++i) expected.push_back("p/" + std::to_string(i));
  for (const std::string& name : expected) {
    ASSERT_EQ(memory_->Put(name, {}), PutOutcome::kStored);
  }
  // Far more failures than one deadline has room for, but each try gets on.
  faulty_->Inject({.kind = FaultKind::kTruncate, .verb = Verb::kList, .times = 29, .byte = 1});
  std::vector<std::string> names;
  storage_.List("p/", "", [&](const ObjectInfo& object) { names.push_back(object.name); });
  EXPECT_EQ(names, expected);
}

TEST_F(RetryingStorageTest, GivesUpAListingThatDoesNotGetOn) {
  ASSERT_EQ(memory_->Put("a", {}), PutOutcome::kStored);
  faulty_->Inject({.kind = FaultKind::kTruncate, .verb = Verb::kList, .times = 1000});
  EXPECT_EQ(ThrownBy([&] { ListAll(storage_, ""); }).kind(), ErrorKind::kUnavailable);
}

TEST_F(RetryingStorageTest, DoesNotRepeatWhatTheVisitorOfAListingThrew) {
  ASSERT_EQ(memory_->Put("a", {}), PutOutcome::kStored);
  int visits = 0;
  const base::Error error = ThrownBy([&] {
    storage_.List("", "", [&](const ObjectInfo&) {
      ++visits;
      throw base::Error(ErrorKind::kUnavailable, "the visitor's own");
    });
  });
  EXPECT_EQ(error.message(), "the visitor's own");
  EXPECT_EQ(visits, 1);
}

}  // namespace
}  // namespace holdfast::storage
