#include "cli/recovery_windows.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

constexpr std::uint32_t kSegment = 16 * base::kMiB;
constexpr pg::TimelineId kFirst{1};
constexpr pg::TimelineId kSecond{2};

pg::Lsn Segment(std::uint64_t number) { return pg::Lsn(number * kSegment); }

wal::WalRange Range(pg::TimelineId timeline, std::uint64_t first, std::uint64_t end) {
  return {.timeline = timeline, .start = Segment(first), .end = Segment(end)};
}

wal::Inventory Archive(std::vector<wal::WalRange> ranges) {
  wal::Inventory inventory;
  inventory.segment_size = kSegment;
  inventory.ranges = std::move(ranges);
  return inventory;
}

// In the middle of the segments given.
BackupPoint Backup(pg::TimelineId timeline, std::uint64_t start, std::uint64_t stop) {
  return {.id = "shop/x",
          .timeline = timeline,
          .start = Segment(start) + 100,
          .stop = Segment(stop) + 200,
          .stop_time = base::Time(std::chrono::seconds(stop))};
}

Branch First() { return {.timeline = kFirst, .history = pg::TimelineHistory()}; }
Branch SecondLeftAt(pg::Lsn lsn) {
  return {.timeline = kSecond,
          .history = pg::TimelineHistory(kSecond,
                                         {{.timeline = kFirst, .left_at = lsn, .reason = "test"}})};
}

TEST(RecoveryWindow, ReachesFromTheOldestBackupsEndToTheEndOfTheWal) {
  const auto window = WindowOf(Archive({Range(kFirst, 2, 9)}), First(),
                               {Backup(kFirst, 3, 3), Backup(kFirst, 6, 6)});
  ASSERT_TRUE(window);
  ASSERT_EQ(window->stretches.size(), 1U);
  EXPECT_EQ(window->stretches[0].from, Segment(3) + 200);
  EXPECT_EQ(window->stretches[0].to, Segment(9));
  EXPECT_EQ(window->stretches[0].from_time, base::Time(std::chrono::seconds(3)));
  EXPECT_TRUE(window->gaps.empty());
}

TEST(RecoveryWindow, IsNoneWithoutABackupOrWithoutItsWal) {
  EXPECT_FALSE(WindowOf(Archive({Range(kFirst, 2, 9)}), First(), {}));
  EXPECT_FALSE(WindowOf(Archive({}), First(), {Backup(kFirst, 3, 3)}));
  EXPECT_FALSE(WindowOf(Archive({Range(kFirst, 2, 4)}), First(), {Backup(kFirst, 3, 4)}));
  EXPECT_FALSE(WindowOf(Archive({Range(kFirst, 4, 9)}), First(), {Backup(kFirst, 3, 3)}));
}

TEST(RecoveryWindow, IsCutByAGapAndGoesOnWithTheNextBackup) {
  const auto window = WindowOf(Archive({Range(kFirst, 2, 5), Range(kFirst, 6, 9)}), First(),
                               {Backup(kFirst, 3, 3), Backup(kFirst, 7, 7)});
  ASSERT_TRUE(window);
  ASSERT_EQ(window->stretches.size(), 2U);
  EXPECT_EQ(window->stretches[0].to, Segment(5));
  EXPECT_EQ(window->stretches[1].from, Segment(7) + 200);
  EXPECT_EQ(window->gaps, (std::vector<wal::Gap>{{kFirst, Segment(5), Segment(6)}}));
  EXPECT_FALSE(window->open_gap) << "the second backup lies behind it";
}

TEST(RecoveryWindow, EndsAtAGapThatNoBackupFollows) {
  const auto window = WindowOf(Archive({Range(kFirst, 2, 5), Range(kFirst, 6, 9)}), First(),
                               {Backup(kFirst, 3, 3)});
  ASSERT_TRUE(window);
  EXPECT_EQ(window->stretches.back().to, Segment(5));
  EXPECT_EQ(window->open_gap, (wal::Gap{kFirst, Segment(5), Segment(6)}));
}

TEST(RecoveryWindow, OfALaterTimelineBeginsWithItsAncestorsBackups) {
  const auto archive = Archive({Range(kFirst, 2, 6), Range(kSecond, 5, 9)});
  const auto window = WindowOf(archive, SecondLeftAt(Segment(5) + 1000), {Backup(kFirst, 3, 3)});
  ASSERT_TRUE(window);
  EXPECT_EQ(window->stretches[0].to, Segment(9));
  EXPECT_FALSE(WindowOf(archive, SecondLeftAt(Segment(3)), {Backup(kFirst, 3, 3)}))
      << "the backup ended after the branch was left";
}

TEST(RecoveryWindow, OfATimelineWithoutHistoryKnowsItsOwnBackupsOnly) {
  const auto archive = Archive({Range(kFirst, 2, 6), Range(kSecond, 5, 9)});
  const Branch branch{.timeline = kSecond};
  EXPECT_FALSE(WindowOf(archive, branch, {Backup(kFirst, 3, 3)}));
  EXPECT_TRUE(WindowOf(archive, branch, {Backup(kSecond, 6, 6)}));
}

TEST(RecoveryWindow, ABackupIsUsableOnAnyBranch) {
  const auto archive = Archive({Range(kFirst, 2, 6)});
  const std::vector<Branch> branches = {First(), SecondLeftAt(Segment(3))};
  EXPECT_TRUE(IsUsable(archive, branches, Backup(kFirst, 4, 5)));
  EXPECT_FALSE(IsUsable(archive, branches, Backup(kFirst, 4, 6)));
}

}  // namespace
}  // namespace holdfast::cli
