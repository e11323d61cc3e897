#include "wal/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr pg::TimelineId kFirst{1};
constexpr pg::TimelineId kSecond{2};

const pg::TimelineHistory kBranch(
    kSecond, {{.timeline = kFirst, .left_at = At(5, 4096), .reason = "promoted"}});

Inventory Holding(std::vector<WalRange> ranges) {
  Inventory inventory;
  inventory.segment_size = kSmallBytes;
  inventory.ranges = std::move(ranges);
  return inventory;
}

TEST(FollowWal, EndsWhereTheWalEnds) {
  const Reach reach =
      FollowWal(Holding({{.timeline = kFirst, .start = At(1), .end = At(4, 100), .open = true}}),
                pg::TimelineHistory().Spans(), At(2, 50));
  EXPECT_EQ(reach.end, At(4, 100));
  EXPECT_EQ(reach.end_timeline, kFirst);
  EXPECT_EQ(reach.first_gap, std::nullopt);
}

TEST(FollowWal, NamesTheFirstGap) {
  const Reach reach = FollowWal(Holding({{.timeline = kFirst, .start = At(1), .end = At(3)},
                                         {.timeline = kFirst, .start = At(5), .end = At(6)},
                                         {.timeline = kFirst, .start = At(8), .end = At(9)}}),
                                pg::TimelineHistory().Spans(), At(1));
  EXPECT_EQ(reach.end, At(3));
  ASSERT_TRUE(reach.first_gap);
  EXPECT_EQ(*reach.first_gap, (Gap{.timeline = kFirst, .start = At(3), .end = At(5)}));
  EXPECT_EQ(reach.first_gap->ToString(kSmallBytes),
            Name(1, 3) + " to " + Name(1, 4) + " (2 segments)");
}

TEST(FollowWal, GoesNowhereFromWhereThereIsNoWal) {
  const Reach reach = FollowWal(Holding({{.timeline = kFirst, .start = At(5), .end = At(6)}}),
                                pg::TimelineHistory().Spans(), At(4));
  EXPECT_EQ(reach.end, At(4));
  EXPECT_EQ(reach.first_gap, (Gap{.timeline = kFirst, .start = At(4), .end = At(5)}));
  EXPECT_EQ(FollowWal({}, pg::TimelineHistory().Spans(), At(4)).end, At(4));
}

TEST(FollowWal, CrossesASwitchThroughTheCopyThatTheNewTimelineBeginsWith) {
  // The first timeline's segment 5 was never archived: its beginning is in the second's.
  const Reach reach = FollowWal(Holding({{.timeline = kFirst, .start = At(1), .end = At(5)},
                                         {.timeline = kSecond, .start = At(5), .end = At(8)}}),
                                kBranch.Spans(), At(2));
  EXPECT_EQ(reach.end, At(8));
  EXPECT_EQ(reach.end_timeline, kSecond);
}

TEST(FollowWal, DoesNotGoOnAlongTheAbandonedBranch) {
  const Inventory inventory = Holding({{.timeline = kFirst, .start = At(1), .end = At(9)}});
  const Reach reach = FollowWal(inventory, kBranch.Spans(), At(2));
  EXPECT_EQ(reach.end, At(5, 4096));
  EXPECT_EQ(reach.end_timeline, kFirst);
  EXPECT_EQ(FollowWal(inventory, pg::TimelineHistory().Spans(), At(2)).end, At(9));
}

TEST(NeededSegments, AreNamedAsRecoveryAsksForThem) {
  EXPECT_THAT(NeededSegments(kBranch.Spans(), At(4, 9), At(6, 1), kSmallBytes),
              ElementsAre(Name(1, 4), Name(2, 5), Name(2, 6)));
  EXPECT_THAT(NeededSegments(kBranch.Spans(), At(3), At(4), kSmallBytes), ElementsAre(Name(1, 3)));
  EXPECT_THAT(NeededSegments(kBranch.Spans(), At(3), At(3), kSmallBytes), IsEmpty());
}

TEST(ChooseLatest, FollowsTheSourceAndNamesWhatItNeverWasOn) {
  Inventory inventory;
  inventory.timelines = {kFirst, kSecond};
  const LatestTimeline latest = ChooseLatest(inventory, kFirst, {pg::TimelineHistory(), kBranch});
  EXPECT_EQ(latest.timeline, kFirst);
  EXPECT_THAT(latest.unseen_descendants, ElementsAre(kSecond));
  EXPECT_THAT(ChooseLatest(inventory, kSecond, {kBranch}).unseen_descendants, IsEmpty());
}

TEST(ChooseLatest, NamesANewerBranchThatForkedBeforeTheSourcesOwn) {
  Inventory inventory;
  inventory.timelines = {kFirst, kSecond, pg::TimelineId(3)};
  // Its history file is missing besides.
  EXPECT_THAT(ChooseLatest(inventory, kSecond, {kBranch}).unseen_descendants,
              ElementsAre(pg::TimelineId(3)));
}

TEST(ChooseLatest, WithoutARecordIsTheHighestAndNamesOtherBranches) {
  const pg::TimelineId third(3);
  const pg::TimelineHistory other(third,
                                  {{.timeline = kFirst, .left_at = At(4), .reason = "again"}});
  Inventory inventory;
  inventory.timelines = {kFirst, kSecond, third};
  const LatestTimeline latest = ChooseLatest(inventory, std::nullopt, {kBranch, other});
  EXPECT_EQ(latest.timeline, third);
  EXPECT_THAT(latest.unseen_descendants, ElementsAre(kSecond));
  EXPECT_EQ(ChooseLatest({}, std::nullopt, {}).timeline, kFirst);
}

}  // namespace
}  // namespace holdfast::wal
