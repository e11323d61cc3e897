#include "cli/copy_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/testing/temporary_directory.h"

namespace holdfast::cli {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

constexpr base::Time kNow{hours(500'000)};
const pg::SystemIdentifier kSystem(7301234567890123456);

class CopyQueueTest : public testing::Test {
 protected:
  storage::TemporaryDirectory state_;
  const CopyQueue queue_{state_.path(), "shop", "offsite"};
};

TEST_F(CopyQueueTest, KeepsWhatWasPushedInTheOrderToCopyIt) {
  EXPECT_THAT(queue_.Files(), IsEmpty());
  for (const char* name : {"000000020000000000000004", "000000010000000000000003",
                           "00000002.history", "000000010000000000000003"})
    queue_.Add({.system = kSystem, .name = name});
  const std::vector<PushedFile> files = queue_.Files();
  EXPECT_THAT(files, ElementsAre(Field(&PushedFile::name, "00000002.history"),
                                 Field(&PushedFile::name, "000000010000000000000003"),
                                 Field(&PushedFile::name, "000000020000000000000004")));
  EXPECT_EQ(files.front().system, kSystem);
  queue_.Add({.system = kSystem, .name = "000000020000000000000005"});
  queue_.Remove(files);
  EXPECT_THAT(queue_.Files(), ElementsAre(Field(&PushedFile::name, "000000020000000000000005")));
  EXPECT_THAT(CopyQueue(state_.path(), "shop", "other").Files(), IsEmpty());
}

TEST_F(CopyQueueTest, IsInStepForOnePairOfRepositoriesUntilThatIsCleared) {
  EXPECT_FALSE(queue_.IsInStep("a b", kNow));
  queue_.BeginComparison("a b", kNow);
  EXPECT_FALSE(queue_.IsInStep("a b", kNow));
  queue_.SetInStep();
  EXPECT_TRUE(queue_.IsInStep("a b", kNow));
  EXPECT_FALSE(queue_.IsInStep("a c", kNow));
  EXPECT_FALSE(queue_.IsInStep("a", kNow));
  queue_.ClearInStep();
  EXPECT_FALSE(queue_.IsInStep("a b", kNow));
}

TEST_F(CopyQueueTest, IsInStepForADay) {
  queue_.BeginComparison("a b", kNow);
  queue_.SetInStep();
  EXPECT_TRUE(queue_.IsInStep("a b", kNow + hours(23)));
  EXPECT_FALSE(queue_.IsInStep("a b", kNow + hours(24)));
  EXPECT_FALSE(queue_.IsInStep("a b", kNow - hours(1)));
}

TEST_F(CopyQueueTest, IsNotInStepWhenThatWasClearedWhileAllWasCompared) {
  queue_.BeginComparison("a b", kNow);
  queue_.ClearInStep();
  queue_.SetInStep();
  EXPECT_FALSE(queue_.IsInStep("a b", kNow));
}

TEST_F(CopyQueueTest, RemembersAProblemUntilItIsOver) {
  EXPECT_EQ(queue_.Problem(), "");
  queue_.SetProblem("no route to host");
  EXPECT_EQ(CopyQueue(state_.path(), "shop", "offsite").Problem(), "no route to host");
  queue_.SetProblem("");
  EXPECT_EQ(queue_.Problem(), "");
}

TEST_F(CopyQueueTest, IsLockedByOneProcess) {
  const auto lock = queue_.TryLock();
  EXPECT_TRUE(lock);
  EXPECT_FALSE(queue_.TryLock());
}

}  // namespace
}  // namespace holdfast::cli
