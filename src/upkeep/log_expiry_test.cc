#include "upkeep/log_expiry.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "repo/lease.h"
#include "upkeep/testing/prune_fixture.h"
#include "upkeep/tombstone.h"

namespace holdfast::upkeep {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LogExpiryTest : public PruneFixture {
 protected:
  static std::uint64_t At(std::uint64_t segment) { return segment * base::kMiB + 100; }
  void RunTwice(const PruneOptions& options = {.allowed_share = 100}) {
    (void)Run(options);
    (void)RunADayLater(options);
  }
  static std::string MeantAsLast() {
    return std::string(base::AsText(
        FormatTombstone({.forgotten = {}, .host = {}, .reason = {}, .even_last = true})));
  }
};

TEST_F(LogExpiryTest, RemovesADayAfterCondemningWhatLiesBeforeTheOldestBackup) {
  PutSegments(1, 1, 9);
  PutLogged("shop/1", 1, At(5), At(6));
  PutLogged("shop/2", 1, At(8), At(8));
  const PruneResult condemning = Run({.allowed_share = 100});
  ASSERT_EQ(condemning.logs.size(), 1U);
  EXPECT_EQ(condemning.logs[0].condemned.objects, 4U);
  EXPECT_EQ(condemning.logs[0].kept.objects, 5U);
  EXPECT_EQ(Segments(1).size(), 9U);
  const PruneResult removing = RunADayLater();
  EXPECT_EQ(removing.logs[0].removed.objects, 4U);
  EXPECT_THAT(Segments(1), ElementsAre(5, 6, 7, 8, 9));
  EXPECT_EQ(RunADayLater().logs[0].removed.objects, 0U);
}

TEST_F(LogExpiryTest, RemovesWhatBelongsToSegmentsWithThemAndNoHistory) {
  PutSegments(1, 1, 6);
  PutLogged("shop/1", 1, At(5), At(5));
  const std::string digest(32, 'a');
  (void)test.memory->Put(
      "wal-tail/shop/7/00000001/000000010000000000000002.0000000000200000-0000000000200100." +
          digest,
      {});
  (void)test.memory->Put("wal/shop/7/00000001/000000010000000000000003.partial." + digest, {});
  for (const int segment : {3, 6}) {
    (void)test.memory->Put(
        "wal-summary/shop/7/00000001/00000001000000000000000" + std::to_string(segment), {});
  }
  (void)test.memory->Put("wal/shop/7/00000002/00000002.history." + digest, {});
  (void)test.memory->Put("wal/shop/7/timeline/00000001-00000001", {});
  (void)test.memory->Put("wal/shop/7/readme", {});
  test.clock.Advance(std::chrono::seconds(1));
  RunTwice();
  EXPECT_THAT(Objects("wal-tail/"), IsEmpty());
  EXPECT_THAT(Objects("wal-summary/"),
              ElementsAre("wal-summary/shop/7/00000001/000000010000000000000006"));
  EXPECT_THAT(Segments(1), ElementsAre(5, 6, 6));  // its summary, too
  EXPECT_TRUE(IsThere("wal/shop/7/00000002/00000002.history." + digest));
  EXPECT_TRUE(IsThere("wal/shop/7/timeline/00000001-00000001"));
  EXPECT_TRUE(IsThere("wal/shop/7/readme"));
}

TEST_F(LogExpiryTest, KeepsTheWindowThatIsAskedForAndWhatOlderBackupsAloneNeed) {
  PutSegments(1, 1, 12);
  PutLogged("shop/1", 1, At(2), At(3));
  test.clock.Advance(std::chrono::hours(24 * 20));
  PutLogged("shop/2", 1, At(6), At(6));
  test.clock.Advance(std::chrono::hours(24 * 20));
  PutLogged("shop/3", 1, At(9), At(9));
  const PruneOptions options{.allowed_share = 100,
                             .log_windows = {{"shop", std::chrono::hours(24 * 7)}}};
  RunTwice(options);
  EXPECT_THAT(Segments(1), ElementsAre(2, 3, 6, 7, 8, 9, 10, 11, 12));
  // When the last week begins after the newest backup, nothing older goes on.
  test.clock.Advance(std::chrono::hours(24 * 7));
  RunTwice(options);
  EXPECT_THAT(Segments(1), ElementsAre(2, 3, 6, 9, 10, 11, 12));
}

TEST_F(LogExpiryTest, SparesWhatIsNeededAgainWhenItIsDue) {
  PutSegments(1, 1, 9);
  PutLogged("shop/1", 1, At(3), At(3));
  PutLogged("shop/2", 1, At(7), At(7));
  Forget("shop/1");
  (void)Run({.allowed_share = 100});
  (void)test.memory->Remove(repo::TombstoneObject(Id("shop/1")));
  (void)RunADayLater();
  EXPECT_THAT(Segments(1), ElementsAre(3, 4, 5, 6, 7, 8, 9));
}

TEST_F(LogExpiryTest, KeepsWhatWasArchivedSinceTheListWasMade) {
  PutSegments(1, 2, 4);
  PutLogged("shop/1", 1, At(6), At(6));
  (void)Run({.allowed_share = 100});
  test.clock.Advance(std::chrono::hours(1));
  PutSegments(1, 1, 1);  // delivered late
  test.clock.Advance(repo::kGrace);
  (void)Run();
  EXPECT_THAT(Segments(1), ElementsAre(1));
}

TEST_F(LogExpiryTest, KeepsTheLogOfABackupThatRunsOrIsSuspended) {
  PutSegments(1, 1, 9);
  PutLogged("shop/1", 1, At(7), At(7));
  std::optional<repo::Lease> lease;
  lease.emplace(
      test.repository(),
      repo::LeaseDraft{.kind = "backup",
                       .pins = {},
                       .log = repo::LogRange{.system = 7, .timeline = 1, .start = At(4)}});
  RunTwice();
  test.clock.Advance(repo::kLeaseLifetime * 3);
  RunTwice();
  EXPECT_THAT(Segments(1), ElementsAre(4, 5, 6, 7, 8, 9));
  lease.reset();
  RunTwice();
  EXPECT_THAT(Segments(1), ElementsAre(7, 8, 9));
}

TEST_F(LogExpiryTest, JudgesTimelinesApart) {
  // Timeline 2 left 1 in segment 4, timeline 3 left 2 in segment 8.
  PutSegments(1, 1, 6);
  PutSegments(2, 4, 9);
  PutSegments(3, 8, 12);
  PutLogged("shop/1", 2, At(6), At(6));
  PutLogged("shop/2", 3, At(10), At(10));
  RunTwice();
  // Of timeline 1 only the segment in which the backup lies, on whichever timeline it is.
  EXPECT_THAT(Segments(1), ElementsAre(6));
  EXPECT_THAT(Segments(2), ElementsAre(6, 7, 8, 9));
  EXPECT_THAT(Segments(3), ElementsAre(8, 9, 10, 11, 12));
}

TEST_F(LogExpiryTest, KeepsATimelineThatNoBackupToldOf) {
  PutSegments(1, 1, 6);
  PutSegments(2, 1, 4);
  PutLogged("shop/1", 1, At(6), At(6));
  RunTwice();
  EXPECT_THAT(Segments(1), ElementsAre(6));
  EXPECT_THAT(Segments(2), ElementsAre(1, 2, 3, 4));
}

TEST_F(LogExpiryTest, KeepsAClusterThatNoBackupTellsOfAndSaysSo) {
  BackUp("lab/1", 1);
  PutSegments(1, 1, 6);
  test.clock.Advance(repo::kGrace);
  const PruneResult result = Run();
  EXPECT_TRUE(result.logs.empty());
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_NE(result.notes[0].find("cluster 7"), std::string::npos);
  (void)RunADayLater();
  EXPECT_EQ(Segments(1).size(), 6U);
}

TEST_F(LogExpiryTest, RemovesTheLogOfAClusterWhoseBackupsWereAllForgotten) {
  PutSegments(1, 1, 6);
  PutLogged("shop/1", 1, At(3), At(3));
  PutLogged("shop/2", 1, At(3), At(3), 8);  // of another cluster
  test.clock.Advance(repo::kGrace);
  Forget("shop/1", MeantAsLast());
  test.clock.Advance(repo::kGrace * 2);
  const PruneResult condemning = Run({.allowed_share = 100});
  // Its record stays as long as it is the only one that tells of that cluster.
  EXPECT_THAT(condemning.backups_removed, IsEmpty());
  EXPECT_EQ(RunADayLater().logs[0].removed.objects, 6U);
  EXPECT_THAT(Segments(1), IsEmpty());
  EXPECT_THAT(RunADayLater().backups_removed, ElementsAre(Id("shop/1")));
}

TEST_F(LogExpiryTest, KeepsEverythingWhereTheSegmentSizeIsNotCertain) {
  PutSegments(1, 1, 6);
  PutLogged("shop/1", 1, At(6), At(6));
  (void)test.memory->Put("wal/shop/7/segment-size/16777216", {});
  RunTwice();
  EXPECT_EQ(Segments(1).size(), 6U);
  EXPECT_EQ(Run().notes.size(), 1U);
}

TEST_F(LogExpiryTest, RefusesToLetALargeShareGo) {
  PutSegments(1, 1, 200);
  PutLogged("shop/1", 1, At(150), At(150));
  EXPECT_EQ(Refused(), base::ErrorKind::kConflict);
  (void)Run({.allowed_share = 80});
  (void)RunADayLater();
  EXPECT_EQ(Segments(1).size(), 51U);
}

TEST_F(LogExpiryTest, OtherSourcesAreLeftAlone) {
  PutSegments(1, 1, 6);
  PutLogged("lab/1", 1, At(6), At(6));  // the same cluster under another name
  RunTwice();
  EXPECT_EQ(Segments(1).size(), 6U);
}

}  // namespace
}  // namespace holdfast::upkeep
