#include "upkeep/log_needs.h"

#include <gtest/gtest.h>

namespace holdfast::upkeep {
namespace {

using std::chrono::days;
using std::chrono::hours;

const base::Time kNow{std::chrono::seconds(1'800'000'000)};
// Segments have 10 bytes here: number n is [10 n, 10 n + 10).
constexpr std::uint64_t kSize = 10;

LoggedBackup Backup(std::uint32_t timeline, std::uint64_t start, std::uint64_t stop,
                    base::Duration age) {
  return {.log = {.system = 1, .timeline = timeline, .start = start, .stop = stop},
          .stored = kNow - age};
}

ArchivedTimeline Archived(std::uint32_t timeline, std::uint64_t first, base::Duration age) {
  return {.timeline = timeline, .first_end = first * kSize + kSize, .newest = kNow - age};
}

class Needs : public testing::Test {
 protected:
  // The segments of a timeline below 30 that are needed.
  std::vector<int> Of(std::uint32_t timeline) const {
    const repo::CondemnedLog log{.source = "shop",
                                 .system = 1,
                                 .known_timeline = known_timeline,
                                 .needs = NeedsOf(use, {.length = window, .now = kNow})};
    std::vector<int> needed;
    for (std::uint64_t segment = 0; segment < 30; ++segment) {
      if (IsNeeded(log, timeline, segment * kSize, segment * kSize + kSize)) {
        needed.push_back(static_cast<int>(segment));
      }
    }
    return needed;
  }
  static std::vector<int> Range(int first, int last) {
    std::vector<int> range;
    for (int i = first; i <= last; ++i) range.push_back(i);
    return range;
  }

  LogUse use;
  std::optional<base::Duration> window;
  std::uint32_t known_timeline = 1;
};

TEST_F(Needs, EverythingFromTheOldestBackupOn) {
  use.backups = {Backup(1, 125, 131, days(3)), Backup(1, 205, 207, days(1))};
  EXPECT_EQ(Of(1), Range(12, 29));
}

TEST_F(Needs, NothingWithoutABackup) { EXPECT_TRUE(Of(1).empty()); }

TEST_F(Needs, ATimelineThatNoBackupToldOfIsNeeded) {
  use.backups = {Backup(1, 125, 131, days(3))};
  EXPECT_EQ(Of(2), Range(0, 29));
  known_timeline = 2;
  EXPECT_EQ(Of(2), Range(12, 29));
}

TEST_F(Needs, ATimelineBelowEveryBackupIsNotNeeded) {
  use.backups = {Backup(3, 205, 207, days(1))};
  known_timeline = 3;
  // But for the segments of the backup itself, whose beginning may be there only.
  EXPECT_EQ(Of(2), Range(20, 20));
}

TEST_F(Needs, ARunningBackupNeedsEverythingFromItsStart) {
  use.backups = {Backup(1, 205, 207, days(1))};
  use.open = {{.system = 1, .timeline = 1, .start = 111, .stop = 0}};
  EXPECT_EQ(Of(1), Range(11, 29));
}

TEST_F(Needs, BackupsBeforeTheWindowNeedOnlyWhatMakesThemConsistent) {
  use.backups = {Backup(1, 25, 31, days(30)), Backup(1, 105, 111, days(15)),
                 Backup(1, 155, 161, days(13)), Backup(1, 205, 207, days(1))};
  window = days(14);
  std::vector<int> expected = {2, 3};
  // The newest before the window reaches its first moment.
  for (const int segment : Range(10, 29)) expected.push_back(segment);
  EXPECT_EQ(Of(1), expected);
}

TEST_F(Needs, AWindowOfNothingGoesOnFromTheNewestBackup) {
  use.backups = {Backup(1, 25, 31, days(30)), Backup(1, 205, 207, hours(1))};
  window = base::Duration(0);
  std::vector<int> expected = {2, 3};
  for (const int segment : Range(20, 29)) expected.push_back(segment);
  EXPECT_EQ(Of(1), expected);
}

TEST_F(Needs, AStandbyThatTookOverIsReachedFromTheOldTimeline) {
  use.backups = {Backup(1, 25, 31, days(30)), Backup(1, 105, 111, days(15))};
  use.archived = {Archived(1, 0, days(3)), Archived(2, 18, hours(1))};
  window = days(14);
  known_timeline = 2;
  EXPECT_EQ(Of(2), (std::vector<int>{2,  3,  10, 11, 12, 13, 14, 15, 16, 17, 18,
                                     19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29}));
}

TEST_F(Needs, ASourceTakenBackBehindItsBackupsIsReachedFromAnOlderOne) {
  // On timeline 1 backups at 5 and 15; then it was taken back to 8, where timeline 2 began.
  use.backups = {Backup(1, 55, 56, days(30)), Backup(1, 155, 161, days(20))};
  use.archived = {Archived(1, 0, days(5)), Archived(2, 8, hours(1))};
  window = days(14);
  known_timeline = 2;
  EXPECT_EQ(Of(1), Range(5, 29));
  EXPECT_EQ(Of(2), Range(5, 29));
  // As soon as timeline 2 has a backup that is older than the window, nothing needs that.
  use.backups.push_back(Backup(2, 125, 126, days(15)));
  EXPECT_EQ(Of(1), (std::vector<int>{5, 12, 15, 16}));
}

TEST_F(Needs, ATimelineThatWasLeftBeforeTheWindowKeepsNoOldBackupGoing) {
  use.backups = {Backup(1, 55, 56, days(90)), Backup(1, 155, 161, days(60)),
                 Backup(3, 205, 207, days(20))};
  use.archived = {Archived(1, 0, days(50)), Archived(2, 8, days(40)), Archived(3, 18, hours(1))};
  window = days(14);
  known_timeline = 3;
  EXPECT_EQ(Of(2), (std::vector<int>{5, 15, 16, 20}));
  EXPECT_EQ(Of(3), (std::vector<int>{5, 15, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29}));
}

}  // namespace
}  // namespace holdfast::upkeep
