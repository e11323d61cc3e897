#include "wal/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/testing/expect_error.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

using base::ErrorKind;
using pg::ExpectError;
using storage::FaultKind;
using storage::Verb;
using testing::ElementsAre;
using testing::IsEmpty;

class ArchiveTest : public testing::Test, public ArchiveFixture {
 protected:
  // Damages the one object under the prefix, and names it.
  std::string DamageOnly(std::string_view prefix) {
    const auto objects = storage::ListAll(*storage, prefix);
    EXPECT_EQ(objects.size(), 1U);
    storage->FlipBitAtRest(objects.at(0).name, objects.at(0).size / 2);
    return objects.at(0).name;
  }
};

constexpr pg::TimelineId kFirst{1};

TEST_F(ArchiveTest, GivesBackWhatItWasGiven) {
  const base::Bytes segment = MakeSegment(1, 3);
  EXPECT_EQ(archive.Put(kSystem, Name(1, 3), segment), ArchiveOutcome::kStored);
  EXPECT_EQ(archive.Get(kSystem, Name(1, 3)), segment);
  EXPECT_EQ(archive.Get(kSystem, Name(1, 4)), std::nullopt);
  EXPECT_EQ(archive.Put(kSystem, Name(1, 3), segment), ArchiveOutcome::kAlreadyThere);
  EXPECT_THAT(archive.Systems(), ElementsAre(kSystem));
  EXPECT_EQ(archive.SegmentSize(kSystem), kSmallBytes);
}

TEST_F(ArchiveTest, NeverReplacesOrAddsAnotherContent) {
  (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3, 1));
  ExpectError(ErrorKind::kConflict, "another content",
              [&] { (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3, 2)); });
  EXPECT_EQ(archive.Get(kSystem, Name(1, 3)), MakeSegment(1, 3, 1));
}

TEST_F(ArchiveTest, TellsAForkOfTwoWritersFromAListingThatWasStale) {
  storage->RememberListing();
  (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3, 1));
  storage->Inject({.kind = FaultKind::kStaleListing,
                   .verb = Verb::kList,
                   .prefix = "wal/shop/7301234567890123456/00000001/"});
  ExpectError(ErrorKind::kConflict, "another content",
              [&] { (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3, 2)); });
  storage->ClearFaults();
  ExpectError(ErrorKind::kConflict, "another content",
              [&] { (void)archive.Get(kSystem, Name(1, 3)); });
  const Inventory inventory = archive.Take(kSystem);
  ASSERT_EQ(inventory.forks.size(), 1U);
  EXPECT_EQ(inventory.forks[0].file_name, Name(1, 3));
  EXPECT_THAT(inventory.ranges, IsEmpty());
}

TEST_F(ArchiveTest, RefusesASegmentThatIsNotWhatItsNameSays) {
  base::Bytes segment = MakeSegment(1, 3);
  const auto put = [&](const std::string& name) { (void)archive.Put(kSystem, name, segment); };
  ExpectError(ErrorKind::kCorrupt, "holds the WAL from", [&] { put(Name(1, 4)); });
  ExpectError(ErrorKind::kUsage, "not the name of a file", [&] { put("wal.tar"); });
  ExpectError(ErrorKind::kCorrupt, "of the cluster",
              [&] { (void)archive.Put(pg::SystemIdentifier(5), Name(1, 3), segment); });
  segment.pop_back();
  ExpectError(ErrorKind::kCorrupt, "bytes, and not", [&] { put(Name(1, 3)); });
  segment = MakeSegment(2, 3);
  ExpectError(ErrorKind::kCorrupt, "timeline", [&] { put(Name(1, 3)); });
  segment.assign(kSmallBytes, 0);
  ExpectError(ErrorKind::kCorrupt, "magic", [&] { put(Name(1, 3)); });
  ExpectError(ErrorKind::kCorrupt, "has 0 bytes",
              [&] { (void)archive.Put(kSystem, "00000002.history", {}); });
  EXPECT_EQ(CountObjects("wal/"), 0U);
}

TEST_F(ArchiveTest, KeepsThePartialSegmentBesideTheWholeOne) {
  const base::Bytes segment = MakeSegment(1, 3);
  EXPECT_EQ(archive.Put(kSystem, Name(1, 3) + ".partial", segment), ArchiveOutcome::kStored);
  EXPECT_FALSE(archive.Contains(kSystem, Name(1, 3)));
  EXPECT_EQ(archive.Put(kSystem, Name(1, 3), segment), ArchiveOutcome::kStored);
  EXPECT_EQ(archive.Put(kSystem, Name(1, 3) + ".00000028.backup", base::AsBytes("START")),
            ArchiveOutcome::kStored);
  EXPECT_EQ(archive.Get(kSystem, Name(1, 3)), segment);
}

TEST_F(ArchiveTest, ReportsAnAlteredObjectByName) {
  (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3));
  const std::string object =
      storage::ListAll(*storage, "wal/shop/7301234567890123456/00000001/")[0].name;
  storage->FlipBitAtRest(object, 1000);
  ExpectError(ErrorKind::kCorrupt, Name(1, 3), [&] { (void)archive.Get(kSystem, Name(1, 3)); });
}

TEST_F(ArchiveTest, ReportsAnObjectThatHoldsAnothersContent) {
  (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3));
  (void)archive.Put(kSystem, Name(1, 4), MakeSegment(1, 4));
  const auto objects = storage::ListAll(*storage, "wal/shop/7301234567890123456/00000001/");
  storage->Inject({.kind = FaultKind::kWrongObject, .verb = Verb::kGet, .other = objects[1].name});
  ExpectError(ErrorKind::kCorrupt, Name(1, 3), [&] { (void)archive.Get(kSystem, Name(1, 3)); });
}

TEST_F(ArchiveTest, AnUnreachableStoreIsNotAnAbsentSegment) {
  for (const Verb verb : {Verb::kList, Verb::kGet}) {
    (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3));
    storage->Inject({.kind = FaultKind::kFailNotApplied, .verb = verb, .prefix = "wal/"});
    ExpectError(ErrorKind::kUnavailable, "", [&] { (void)archive.Get(kSystem, Name(1, 3)); });
    storage->ClearFaults();
  }
}

TEST_F(ArchiveTest, APutThatCrashedAnywhereSucceedsWhenItIsRepeated) {
  const base::Bytes segment = MakeSegment(1, 3);
  for (const FaultKind kind : {FaultKind::kCrashNotApplied, FaultKind::kCrashApplied}) {
    bool crashed = true;
    for (std::uint64_t call = 0; crashed; ++call) {
      ArchiveFixture fresh;
      fresh.storage->Inject({.kind = kind, .call = call});
      crashed = false;
      try {
        (void)fresh.archive.Put(kSystem, Name(1, 3), segment);
      } catch (const storage::SimulatedCrash&) {
        crashed = true;
      }
      fresh.storage->ClearFaults();
      fresh.storage->Recover();
      (void)fresh.archive.Put(kSystem, Name(1, 3), segment);
      EXPECT_EQ(fresh.archive.Get(kSystem, Name(1, 3)), segment) << "call " << call;
      EXPECT_EQ(fresh.archive.Take(kSystem).ranges.size(), 1U);
    }
  }
}

TEST_F(ArchiveTest, ALongerTailReplacesTheShorterOnes) {
  const base::Bytes segment = MakeSegment(1, 3);
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(1000));
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(9000));
  EXPECT_EQ(CountObjects("wal-tail/"), 1U);
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(1000));
  const auto open = archive.GetOpenSegment(kSystem, kFirst, At(3), kSmallBytes);
  ASSERT_TRUE(open);
  EXPECT_EQ(open->end, At(3, 9000));
  base::Bytes expected(segment.begin(), segment.begin() + 9000);
  expected.resize(kSmallBytes);
  EXPECT_EQ(open->bytes, expected);
  archive.DropTails(kSystem, kFirst, At(3), segment);
  EXPECT_EQ(CountObjects("wal-tail/"), 0U);
}

TEST_F(ArchiveTest, TailsThatContradictEachOtherAreKeptAndRefused) {
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(MakeSegment(1, 3, 1)).first(1000));
  const base::Bytes other = MakeSegment(1, 3, 2);
  ExpectError(ErrorKind::kConflict, "not the beginning",
              [&] { archive.PutTail(kSystem, kFirst, At(3), base::ByteView(other).first(2000)); });
  ExpectError(ErrorKind::kConflict, "different WAL",
              [&] { (void)archive.GetOpenSegment(kSystem, kFirst, At(3), kSmallBytes); });
  ExpectError(ErrorKind::kConflict, "not the beginning",
              [&] { archive.DropTails(kSystem, kFirst, At(3), other); });
  EXPECT_EQ(CountObjects("wal-tail/"), 2U);
}

TEST_F(ArchiveTest, ATailIsComparedWithTheWholeSegmentAndNotStoredBesideIt) {
  const base::Bytes segment = MakeSegment(1, 3);
  (void)archive.Put(kSystem, Name(1, 3), segment);
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(9000));
  EXPECT_EQ(CountObjects("wal-tail/"), 0U);

  base::Bytes other(segment.begin(), segment.begin() + 9000);
  other.back() ^= 1;
  ExpectError(ErrorKind::kConflict, "begins otherwise",
              [&] { archive.PutTail(kSystem, kFirst, At(3), other); });
  EXPECT_EQ(CountObjects("wal-tail/"), 0U);

  // Nothing can be said of one that is damaged: the tail may be all that is left.
  (void)DamageOnly("wal/shop/7301234567890123456/00000001/");
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(9000));
  EXPECT_EQ(CountObjects("wal-tail/"), 1U);
}

TEST_F(ArchiveTest, ADamagedTailCountsOnlyWhereItMayHoldMoreThanTheOthers) {
  const base::Bytes segment = MakeSegment(1, 3);
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(9000));
  const std::string damaged = DamageOnly("wal-tail/");
  // As a put that was cut off before it removed the shorter one leaves it.
  storage->Inject(
      {.kind = FaultKind::kFailNotApplied, .verb = Verb::kRemove, .prefix = "wal-tail/"});
  ExpectError(ErrorKind::kUnavailable, "", [&] {
    archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(20000));
  });
  storage->ClearFaults();
  EXPECT_EQ(CountObjects("wal-tail/"), 2U);
  EXPECT_EQ(archive.GetOpenSegment(kSystem, kFirst, At(3), kSmallBytes)->end, At(3, 20000));

  archive.DropTails(kSystem, kFirst, At(3), segment);
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(9000));
  (void)DamageOnly("wal-tail/");
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(1000));
  ExpectError(ErrorKind::kCorrupt, damaged,
              [&] { (void)archive.GetOpenSegment(kSystem, kFirst, At(3), kSmallBytes); });
}

TEST_F(ArchiveTest, WhatIsThereAlreadyAndDamagedIsStoredAnew) {
  const base::Bytes segment = MakeSegment(1, 3);
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(9000));
  (void)DamageOnly("wal-tail/");
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(9000));
  EXPECT_EQ(CountObjects("wal-tail/"), 1U);
  EXPECT_EQ(archive.GetOpenSegment(kSystem, kFirst, At(3), kSmallBytes)->end, At(3, 9000));

  (void)archive.Put(kSystem, Name(1, 3), segment);
  (void)DamageOnly("wal/shop/7301234567890123456/00000001/");
  EXPECT_EQ(archive.Put(kSystem, Name(1, 3), segment), ArchiveOutcome::kStored);
  EXPECT_EQ(archive.Get(kSystem, Name(1, 3)), segment);
  EXPECT_EQ(archive.Put(kSystem, Name(1, 3), segment), ArchiveOutcome::kAlreadyThere);
}

TEST_F(ArchiveTest, ADamagedPartialIsReportedAndHidesNothingElse) {
  (void)archive.Put(kSystem, Name(1, 2), MakeSegment(1, 2));
  (void)archive.Put(kSystem, Name(1, 3) + ".partial", MakeSegment(1, 3));
  const std::string prefix = "wal/shop/7301234567890123456/00000001/" + Name(1, 3);
  const std::string damaged = DamageOnly(prefix);
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(MakeSegment(1, 3)).first(9000));
  const Inventory inventory = archive.Take(kSystem);
  ASSERT_EQ(inventory.damaged.size(), 1U);
  EXPECT_THAT(inventory.damaged[0], testing::HasSubstr(damaged));
  EXPECT_THAT(
      inventory.ranges,
      ElementsAre(WalRange{.timeline = kFirst, .start = At(2), .end = At(3, 9000), .open = true}));
}

TEST_F(ArchiveTest, TheLongestOfTailAndPartialCounts) {
  const base::Bytes segment = MakeSegment(1, 3);
  base::Bytes partial(segment.begin(), segment.begin() + 3 * 8192);
  // Beyond its end a recycled file holds old pages.
  const base::Bytes old = MakePages(kFirst, At(1, 3 * 8192), kSmallBytes - 3 * 8192, 9);
  partial.insert(partial.end(), old.begin(), old.end());
  (void)archive.Put(kSystem, Name(1, 3) + ".partial", partial);
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(1000));
  EXPECT_EQ(archive.GetOpenSegment(kSystem, kFirst, At(3), kSmallBytes)->end, At(3, 3 * 8192));
  archive.PutTail(kSystem, kFirst, At(3), base::ByteView(segment).first(30000));
  EXPECT_EQ(archive.GetOpenSegment(kSystem, kFirst, At(3), kSmallBytes)->end, At(3, 30000));
}

TEST_F(ArchiveTest, TakesStockOfRangesGapsAndStrangers) {
  for (const std::uint64_t segment : {1U, 2U, 3U, 6U, 7U}) {
    (void)archive.Put(kSystem, Name(1, segment), MakeSegment(1, segment));
  }
  archive.PutTail(kSystem, kFirst, At(8), base::ByteView(MakeSegment(1, 8)).first(5000));
  (void)archive.Put(kSystem, Name(2, 3), MakeSegment(2, 3));
  (void)archive.Put(kSystem, "00000002.history", base::AsBytes("1\t0/310000\tx\n"));
  archive.RecordTimeline(kSystem, pg::TimelineId(2));
  (void)storage->Put("wal/shop/7301234567890123456/00000001/stranger", {});

  const Inventory inventory = archive.Take(kSystem);
  EXPECT_EQ(inventory.segment_size, kSmallBytes);
  EXPECT_THAT(
      inventory.ranges,
      ElementsAre(WalRange{.timeline = kFirst, .start = At(1), .end = At(4)},
                  WalRange{.timeline = kFirst, .start = At(6), .end = At(8, 5000), .open = true},
                  WalRange{.timeline = pg::TimelineId(2), .start = At(3), .end = At(4)}));
  EXPECT_THAT(inventory.timelines, ElementsAre(kFirst, pg::TimelineId(2)));
  EXPECT_THAT(inventory.forks, IsEmpty());
  EXPECT_THAT(inventory.unknown, ElementsAre("wal/shop/7301234567890123456/00000001/stranger"));
  EXPECT_TRUE(archive.HasLaterSegment(kSystem, Name(1, 6)));
  EXPECT_FALSE(archive.HasLaterSegment(kSystem, Name(1, 7)));
  EXPECT_TRUE(archive.HasEarlierSegment(kSystem, Name(1, 5)));
  EXPECT_FALSE(archive.HasEarlierSegment(kSystem, Name(1, 1)));
}

TEST_F(ArchiveTest, RemembersTheTimelinesTheSourceWasSeenOnInTheirOrder) {
  EXPECT_EQ(archive.RecordedTimeline(kSystem), std::nullopt);
  for (const std::uint32_t timeline : {1U, 1U, 3U, 2U, 2U}) {
    archive.RecordTimeline(kSystem, pg::TimelineId(timeline));
  }
  EXPECT_EQ(archive.RecordedTimeline(kSystem), pg::TimelineId(2));
  EXPECT_EQ(CountObjects("wal/shop/7301234567890123456/timeline/"), 3U);
}

// The archive as a reader sees it whose next listing below `prefix` is as old as RememberListing().
class OvertakenTest : public ArchiveTest {
 protected:
  void SetUp() override {
    (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3));
    PutTail(4, 500);
    storage->RememberListing();
  }
  void PutTail(std::uint64_t segment, std::size_t bytes) {
    archive.PutTail(kSystem, kFirst, At(segment),
                    base::ByteView(MakeSegment(1, segment)).first(bytes));
  }
  void MakeWhole(std::uint64_t segment) {
    (void)archive.Put(kSystem, Name(1, segment), MakeSegment(1, segment));
    archive.DropTails(kSystem, kFirst, At(segment), MakeSegment(1, segment));
  }
  void ListLate(const std::string& prefix, std::uint64_t call = 0) {
    storage->Inject(
        {.kind = FaultKind::kStaleListing, .verb = Verb::kList, .prefix = prefix, .call = call});
  }
};

TEST_F(OvertakenTest, ATailThatALongerOneReplacesIsNoTrouble) {
  PutTail(4, 9000);
  ListLate("wal-tail/");
  EXPECT_EQ(archive.GetOpenSegment(kSystem, kFirst, At(4), kSmallBytes)->end, At(4, 9000));
}

TEST_F(OvertakenTest, ATailThatItsWholeSegmentReplacesIsNoTrouble) {
  MakeWhole(4);
  ListLate("wal-tail/");
  const auto open = archive.GetOpenSegment(kSystem, kFirst, At(4), kSmallBytes);
  EXPECT_EQ(open->end, At(5));
  EXPECT_EQ(open->bytes, MakeSegment(1, 4));
}

TEST_F(OvertakenTest, ASegmentThatBecomesWholeIsNoGap) {
  MakeWhole(4);
  PutTail(5, 9000);
  ListLate("wal-tail/");
  EXPECT_THAT(archive.Take(kSystem).ranges,
              ElementsAre(WalRange{.timeline = kFirst, .start = At(3), .end = At(5)}));
  storage->ClearFaults();
  ListLate("wal/", 1);  // behind the one that tells the segments' size
  EXPECT_THAT(
      archive.Take(kSystem).ranges,
      ElementsAre(WalRange{.timeline = kFirst, .start = At(3), .end = At(5, 9000), .open = true}));
}

TEST_F(OvertakenTest, AGapThatStaysIsTold) {
  (void)archive.Put(kSystem, Name(1, 7), MakeSegment(1, 7));
  EXPECT_EQ(archive.Take(kSystem).ranges.size(), 2U);
  (void)archive.Put(kSystem, Name(1, 6), MakeSegment(1, 6));
  EXPECT_EQ(archive.Take(kSystem).ranges.size(), 2U);
}

}  // namespace
}  // namespace holdfast::wal
