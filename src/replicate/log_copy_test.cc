#include "replicate/log_copy.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "pg/testing/expect_error.h"
#include "replicate/copy.h"
#include "repo/writer.h"
#include "storage/metered_storage.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::replicate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using wal::At;
using wal::kSmallBytes;
using wal::kSystem;
using wal::MakePages;
using wal::MakeSegment;
using wal::Name;

const pg::TimelineId kFirst(1);

class LogCopyTest : public testing::Test {
 protected:
  LogCopyResult Copy(WantsSegment wants = {}) {
    return CopyLog(from.repository, to.repository, {.source = "shop", .wants = std::move(wants)},
                   report, {});
  }
  void PutSegments(wal::Archive& archive, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t segment = first; segment <= last; ++segment) {
      (void)archive.Put(kSystem, Name(1, segment), MakeSegment(1, segment));
    }
  }
  std::string ObjectOf(const wal::ArchiveFixture& side, const std::string& name) {
    for (const auto& object : storage::ListAll(*side.storage, "wal/")) {
      if (object.name.find(name) != std::string::npos) return object.name;
    }
    return {};
  }
  // A backup without content that needs this much WAL.
  void PutBackup(std::uint64_t first, std::uint64_t last) {
    const repo::LogRange log{.system = kSystem.value(),
                             .timeline = 1,
                             .start = At(first, 100).value(),
                             .stop = At(last, 100).value()};
    repo::Writer writer(from.repository, {.id = repo::BackupId::Parse("shop/20261121T070001Z-4f2a"),
                                          .parent = {},
                                          .log_start = log,
                                          .compression = {}});
    repo::SnapshotDraft draft;
    draft.kind = "cluster";
    draft.log = log;
    draft.tree = repo::TreeWriter(writer.meta()).Finish();
    (void)writer.Commit(draft);
  }
  CopyResult CopyAll() {
    const CopyPlan plan = PlanCopy(from.repository, to.repository, "shop", {});
    return ExecuteCopy(from.repository, to.repository, plan, {}, report, {});
  }

  wal::ArchiveFixture from;
  wal::ArchiveFixture to;
  base::NullReporter report;
};

// What both sides are asked for while `work` runs over them.
template <typename Work>
std::vector<std::uint64_t> RequestsOf(wal::ArchiveFixture& from, wal::ArchiveFixture& to,
                                      Work&& work) {
  std::vector<std::shared_ptr<storage::MeteredStorage>> meters;
  std::vector<repo::Repository> sides;
  for (wal::ArchiveFixture* side : {&from, &to}) {
    meters.push_back(std::make_shared<storage::MeteredStorage>(side->storage));
    sides.push_back(repo::Repository::Open(meters.back(), side->clock, repo::Passphrase{"test"}));
  }
  work(sides[0], sides[1]);
  std::vector<std::uint64_t> counts;
  for (const auto& meter : meters) {
    const storage::StorageUse use = meter->use();
    for (const std::uint64_t count :
         {use.put.requests, use.get.requests, use.get_range.requests, use.stat.requests,
          use.list.requests, use.remove.requests, use.objects_listed})
      counts.push_back(count);
  }
  return counts;
}

TEST_F(LogCopyTest, OfOneFileAsksForAsMuchHoweverLargeTheArchiveIs) {
  PutSegments(from.archive, 1, 2);
  from.archive.RecordTimeline(kSystem, kFirst);
  (void)Copy();
  const auto bring = [&](std::uint64_t segment) {
    PutSegments(from.archive, segment, segment);
    (void)to.archive.PutTail(kSystem, kFirst, At(segment), MakePages(kFirst, At(segment), 9000, 1));
    return RequestsOf(from, to, [&](const repo::Repository& ours, const repo::Repository& theirs) {
      CopyLogFiles(ours, theirs, "shop", kSystem, {Name(1, segment)}, {});
    });
  };
  const std::vector<std::uint64_t> few = bring(3);
  PutSegments(from.archive, 4, 30);
  (void)Copy();
  EXPECT_EQ(bring(31), few);
  EXPECT_EQ(to.archive.Get(kSystem, Name(1, 31)), MakeSegment(1, 31));
  EXPECT_EQ(to.archive.RecordedTimeline(kSystem), kFirst);
  EXPECT_EQ(to.CountObjects("wal-tail/"), 0U);
}

TEST_F(LogCopyTest, AgainAndAgainListsOnlyWhatIsNew) {
  LogCopyResult last;
  const auto again = [&](std::uint64_t first, std::uint64_t newest) {
    PutSegments(from.archive, first, newest);
    last = Copy();
    PutSegments(from.archive, newest + 1, newest + 1);
    return RequestsOf(from, to, [&](const repo::Repository& ours, const repo::Repository& theirs) {
      last = CopyLog(ours, theirs,
                     {.source = "shop", .after = last.newest, .systems = last.systems}, report, {});
      EXPECT_EQ(last.files, 1U);
    });
  };
  const std::vector<std::uint64_t> few = again(1, 2);
  EXPECT_EQ(again(4, 30), few);
}

TEST_F(LogCopyTest, OfFilesByNameStopsAtTheFirstThatItCannotCopy) {
  PutSegments(from.archive, 1, 1);
  PutSegments(from.archive, 3, 3);
  pg::ExpectError(base::ErrorKind::kNotFound, Name(1, 2), [&] {
    CopyLogFiles(from.repository, to.repository, "shop", kSystem,
                 {Name(1, 1), Name(1, 2), Name(1, 3)}, {});
  });
  EXPECT_TRUE(to.archive.Contains(kSystem, Name(1, 1)));
  EXPECT_FALSE(to.archive.Contains(kSystem, Name(1, 3)));
}

TEST_F(LogCopyTest, CopiesSegmentsHistoriesTailsAndRecords) {
  PutSegments(from.archive, 1, 3);
  const std::string history = "1\t0/400000\tno recovery target specified\n";
  (void)from.archive.Put(kSystem, "00000002.history", base::AsBytes(history));
  from.archive.PutTail(kSystem, kFirst, At(4), MakePages(kFirst, At(4), 16384, 1));
  from.archive.RecordTimeline(kSystem, kFirst);

  const LogCopyResult result = Copy();
  EXPECT_THAT(result.failures, IsEmpty());
  EXPECT_EQ(result.files, 4U);
  EXPECT_EQ(result.tails, 1U);
  EXPECT_EQ(to.archive.Get(kSystem, Name(1, 2)), MakeSegment(1, 2));
  EXPECT_EQ(to.archive.Take(kSystem).ranges, from.archive.Take(kSystem).ranges);
  EXPECT_EQ(to.archive.Take(kSystem).timelines, from.archive.Take(kSystem).timelines);
  EXPECT_EQ(to.archive.RecordedTimeline(kSystem), kFirst);
  EXPECT_NE(ObjectOf(from, Name(1, 2)), ObjectOf(to, Name(1, 2)));
}

TEST_F(LogCopyTest, CopiesNothingASecondTime) {
  PutSegments(from.archive, 1, 3);
  from.archive.PutTail(kSystem, kFirst, At(4), MakePages(kFirst, At(4), 16384, 1));
  (void)Copy();
  const std::size_t objects = to.CountObjects("");
  const LogCopyResult again = Copy();
  EXPECT_EQ(again.files + again.tails + again.bytes, 0U);
  EXPECT_EQ(to.CountObjects(""), objects);
}

TEST_F(LogCopyTest, GoesOnBehindWhatBothHave) {
  PutSegments(from.archive, 1, 2);
  const LogCopyResult first = Copy();
  EXPECT_EQ(first.newest, (SegmentNames{{kSystem, Name(1, 2)}}));
  PutSegments(from.archive, 3, 4);
  (void)from.archive.Put(kSystem, Name(2, 4), MakeSegment(2, 4));
  (void)to.storage->Remove(ObjectOf(to, Name(1, 1)));  // lies before: not looked at
  const LogCopyOptions options{.source = "shop", .after = first.newest};
  const LogCopyResult next = CopyLog(from.repository, to.repository, options, report, {});
  EXPECT_EQ(next.files, 3U);
  EXPECT_EQ(next.newest, (SegmentNames{{kSystem, Name(2, 4)}}));
  EXPECT_FALSE(to.archive.Contains(kSystem, Name(1, 1)));
}

TEST_F(LogCopyTest, ComesBackToWhatFailedAndToWhatIsLate) {
  PutSegments(from.archive, 1, 2);
  const std::string damaged = ObjectOf(from, Name(1, 2));
  const base::Bytes sound = *from.storage->Get(damaged);
  (void)from.storage->Remove(damaged);
  (void)from.storage->Put(damaged, base::Bytes(100, 1));
  PutSegments(from.archive, 3, 3);
  LogCopyResult result = Copy();
  EXPECT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.newest, (SegmentNames{{kSystem, Name(1, 1)}}));
  (void)from.storage->Remove(damaged);
  (void)from.storage->Put(damaged, sound);
  PutSegments(from.archive, 5, 5);  // before the fourth
  const auto next = [&] {
    return CopyLog(from.repository, to.repository, {.source = "shop", .after = result.newest},
                   report, {});
  };
  result = next();
  EXPECT_THAT(result.failures, IsEmpty());
  EXPECT_EQ(result.newest, (SegmentNames{{kSystem, Name(1, 3)}}));
  EXPECT_TRUE(to.archive.Contains(kSystem, Name(1, 5)));
  PutSegments(from.archive, 4, 4);
  result = next();
  EXPECT_EQ(result.newest, (SegmentNames{{kSystem, Name(1, 5)}}));
  EXPECT_EQ(to.archive.Take(kSystem).ranges, from.archive.Take(kSystem).ranges);
}

TEST_F(LogCopyTest, FollowsAnOpenSegmentUntilItIsWhole) {
  PutSegments(from.archive, 1, 1);
  const base::Bytes second = MakeSegment(1, 2);
  from.archive.PutTail(kSystem, kFirst, At(2), base::ByteView(second).first(16384));
  (void)Copy();
  from.archive.PutTail(kSystem, kFirst, At(2), base::ByteView(second).first(32768));
  EXPECT_EQ(Copy().tails, 1U);
  EXPECT_EQ(to.archive.Take(kSystem).ranges.back().end, At(2, 32768));
  EXPECT_EQ(to.CountObjects("wal-tail/"), 1U);
  (void)from.archive.Put(kSystem, Name(1, 2), second);
  EXPECT_EQ(Copy().files, 1U);
  EXPECT_EQ(to.CountObjects("wal-tail/"), 0U);
  EXPECT_EQ(to.archive.Get(kSystem, Name(1, 2)), second);
}

TEST_F(LogCopyTest, ReplacesNothingWhereTheTwoContradictOneAnother) {
  PutSegments(from.archive, 1, 3);
  (void)to.archive.Put(kSystem, Name(1, 1), MakeSegment(1, 1));
  (void)to.archive.Put(kSystem, Name(1, 2), MakeSegment(1, 2, 7));
  const LogCopyResult result = Copy();
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.failures[0].error.kind(), base::ErrorKind::kConflict);
  EXPECT_THAT(result.failures[0].error.message(), HasSubstr(Name(1, 2)));
  EXPECT_EQ(to.archive.Get(kSystem, Name(1, 2)), MakeSegment(1, 2, 7));
  EXPECT_FALSE(to.archive.Contains(kSystem, Name(1, 3)));
}

TEST_F(LogCopyTest, NamesADamagedSegmentAndCopiesTheOthers) {
  PutSegments(from.archive, 1, 3);
  from.storage->FlipBitAtRest(ObjectOf(from, Name(1, 2)), 3000);
  const LogCopyResult result = Copy();
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.failures[0].error.kind(), base::ErrorKind::kCorrupt);
  EXPECT_THAT(result.failures[0].what, HasSubstr(Name(1, 2)));
  EXPECT_TRUE(to.archive.Contains(kSystem, Name(1, 1)));
  EXPECT_FALSE(to.archive.Contains(kSystem, Name(1, 2)));
  EXPECT_TRUE(to.archive.Contains(kSystem, Name(1, 3)));
}

TEST_F(LogCopyTest, CopiesOnlyTheSegmentsThatAreWanted) {
  PutSegments(from.archive, 1, 4);
  (void)Copy(
      [](pg::SystemIdentifier, pg::TimelineId, pg::Lsn start, pg::Lsn) { return start >= At(3); });
  EXPECT_FALSE(to.archive.Contains(kSystem, Name(1, 2)));
  EXPECT_TRUE(to.archive.Contains(kSystem, Name(1, 3)));
}

TEST_F(LogCopyTest, CopiesWalFromTheOldestBackupOn) {
  PutSegments(from.archive, 1, 5);
  PutBackup(3, 4);
  const CopyResult result = CopyAll();
  EXPECT_EQ(result.copied.size(), 1U);
  EXPECT_FALSE(to.archive.Contains(kSystem, Name(1, 2)));
  EXPECT_TRUE(to.archive.Contains(kSystem, Name(1, 5)));
}

TEST_F(LogCopyTest, DoesNotPublishABackupWhoseWalIsNotAllThere) {
  PutSegments(from.archive, 1, 4);
  PutBackup(1, 3);
  from.storage->FlipBitAtRest(ObjectOf(from, Name(1, 2)), 3000);
  const CopyResult result = CopyAll();
  EXPECT_THAT(result.copied, IsEmpty());
  EXPECT_EQ(result.failures.size(), 2U);
  EXPECT_THAT(repo::ListBackups(to.repository), IsEmpty());
}

TEST_F(LogCopyTest, LeavesNoGapBehindAndGoesOnAfterAnInterruption) {
  PutSegments(from.archive, 1, 4);
  const std::uint64_t before = to.storage->call_count();
  (void)Copy();
  const std::uint64_t calls = to.storage->call_count() - before;
  for (std::uint64_t call = 0; call < calls; ++call) {
    SCOPED_TRACE(call);
    for (const auto& object : storage::ListAll(*to.storage, "wal/")) {
      (void)to.storage->Remove(object.name);
    }
    to.storage->Inject({.kind = storage::FaultKind::kFailApplied, .call = call});
    try {
      (void)Copy();
    } catch (const base::Error&) {
    }
    to.storage->ClearFaults();
    wal::Archive fresh(to.repository, "shop");
    EXPECT_LE(fresh.Take(kSystem).ranges.size(), 1U);
    EXPECT_THAT(Copy().failures, IsEmpty());
    EXPECT_EQ(fresh.Take(kSystem).ranges, from.archive.Take(kSystem).ranges);
  }
}

}  // namespace
}  // namespace holdfast::replicate
