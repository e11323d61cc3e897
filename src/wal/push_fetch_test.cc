#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "pg/testing/expect_error.h"
#include "storage/testing/temporary_directory.h"
#include "wal/fetch.h"
#include "wal/push.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

using base::ErrorKind;
using pg::ExpectError;

constexpr pg::TimelineId kFirst{1};

class PushTest : public testing::Test, public ArchiveFixture {
 protected:
  base::Path Write(const std::string& name, base::ByteView contents) {
    const base::Path path = directory_.path() / "data/pg_wal" / name;
    base::MakeDirectories(path.parent_path());
    base::WriteFileDurably(path, contents);
    return path;
  }
  storage::TemporaryDirectory directory_;
};

TEST_F(PushTest, StoresASegmentUnderItsClusterAndOnce) {
  const base::Path path = Write(Name(1, 3), MakeSegment(1, 3));
  EXPECT_EQ(Push(archive, path, kSystem), ArchiveOutcome::kStored);
  EXPECT_EQ(Push(archive, path, kSystem), ArchiveOutcome::kAlreadyThere);
  EXPECT_EQ(archive.Get(kSystem, Name(1, 3)), MakeSegment(1, 3));
}

TEST_F(PushTest, RefusesAnotherClustersFile) {
  const base::Path path = Write(Name(1, 3), MakeSegment(1, 3));
  ExpectError(ErrorKind::kConflict, "is of the cluster",
              [&] { (void)Push(archive, path, pg::SystemIdentifier(5)); });
  EXPECT_EQ(CountObjects("wal/"), 0U);
}

TEST_F(PushTest, RefusesNamesThatAreNotWal) {
  for (const std::string& name :
       {std::string("notes.txt"), std::string(64, 'A'), Name(1, 3) + ".done"}) {
    ExpectError(ErrorKind::kUsage, "file that PostgreSQL archives",
                [&] { (void)Push(archive, Write(name, MakeSegment(1, 3)), kSystem); });
  }
}

TEST_F(PushTest, StoresAHistoryOfTheClusterItIsToldOf) {
  const base::Path path = Write("00000002.history", base::AsBytes("1\t0/310000\tx\n"));
  EXPECT_EQ(Push(archive, path, kSystem), ArchiveOutcome::kStored);
  EXPECT_TRUE(archive.Contains(kSystem, "00000002.history"));
}

class FetchTest : public PushTest {
 protected:
  FetchOptions Options(const std::string& name) {
    return {.system = kSystem,
            .file_name = name,
            .target = directory_.path() / "RECOVERYXLOG",
            .prefetch_directory = {}};
  }
  FetchOptions Prefetching(const std::string& name) {
    FetchOptions options = Options(name);
    options.prefetch_directory = directory_.path() / "prefetch";
    options.prefetch_segments = 2;
    return options;
  }
  base::Bytes Fetched() { return base::ReadFile(directory_.path() / "RECOVERYXLOG"); }
  FetchOptions Along(std::uint32_t timeline, const std::string& name,
                     std::optional<pg::Lsn> end = std::nullopt) {
    FetchOptions options = Options(name);
    options.path = {.timeline = pg::TimelineId(timeline), .end = end};
    return options;
  }
  void PutSegments(std::initializer_list<std::uint64_t> segments, std::uint32_t timeline = 1) {
    for (const std::uint64_t segment : segments) {
      (void)archive.Put(kSystem, Name(timeline, segment), MakeSegment(timeline, segment));
    }
  }
  void PutHistory(pg::Lsn left_at) {
    const pg::TimelineHistory history(
        pg::TimelineId(2), {{.timeline = kFirst, .left_at = left_at, .reason = "promoted"}});
    (void)archive.Put(kSystem, "00000002.history", base::AsBytes(history.Format()));
  }
};

TEST_F(FetchTest, WritesTheSegmentWhole) {
  PutSegments({3});
  EXPECT_EQ(Fetch(archive, Options(Name(1, 3))), FetchOutcome::kFetched);
  EXPECT_EQ(Fetched(), MakeSegment(1, 3));
  EXPECT_EQ(Fetch(archive, Options(Name(1, 4))), FetchOutcome::kNotThere);
  EXPECT_EQ(Fetch(archive, Options("00000002.history")), FetchOutcome::kNotThere);
  ExpectError(ErrorKind::kUsage, "recovery asks for",
              [&] { (void)Fetch(archive, Options("nonsense")); });
}

// Of a source that the repository does not know, a cluster that the source never was, or a
// repository that was made anew, nothing is known to be absent.
TEST_F(FetchTest, AnArchiveWithoutTheClusterIsNeverNotThere) {
  const auto expect_error = [&](Archive& asked, const FetchOptions& options) {
    ExpectError(ErrorKind::kNotFound, "no WAL of the cluster",
                [&] { (void)Fetch(asked, options); });
  };
  Archive nosuch(repository, "nosuch");
  const std::string names[] = {Name(1, 3), "00000002.history"};
  for (const std::string& name : names) {
    expect_error(archive, Options(name));
    expect_error(archive, Along(1, name, At(2)));
  }
  PutSegments({3});
  for (const std::string& name : names) {
    expect_error(nosuch, Options(name));
    FetchOptions stranger = Options(name);
    stranger.system = pg::SystemIdentifier(5);
    expect_error(archive, stranger);
  }
}

TEST_F(FetchTest, TroubleIsNeverNotThere) {
  PutSegments({3});
  for (std::uint64_t call = 0; call < 2; ++call) {
    storage->Inject({.kind = storage::FaultKind::kFailNotApplied, .call = call});
    ExpectError(ErrorKind::kUnavailable, "", [&] { (void)Fetch(archive, Options(Name(1, 3))); });
    storage->ClearFaults();
    EXPECT_FALSE(std::filesystem::exists(directory_.path() / "RECOVERYXLOG"));
  }
}

TEST_F(FetchTest, CompletesTheOpenSegmentWithZeros) {
  PutSegments({3});
  base::Bytes bytes = MakeSegment(1, 4);
  bytes.resize(9000);
  archive.PutTail(kSystem, kFirst, At(4), bytes);
  EXPECT_EQ(Fetch(archive, Options(Name(1, 4))), FetchOutcome::kFetched);
  bytes.resize(kSmallBytes);
  EXPECT_EQ(Fetched(), bytes);
}

TEST_F(FetchTest, NeverHidesAGap) {
  PutSegments({3, 5});
  ExpectError(ErrorKind::kCorrupt, "is missing",
              [&] { (void)Fetch(archive, Options(Name(1, 4))); });
  archive.PutTail(kSystem, kFirst, At(4), base::ByteView(MakeSegment(1, 4)).first(9000));
  ExpectError(ErrorKind::kCorrupt, "only in part",
              [&] { (void)Fetch(archive, Options(Name(1, 4))); });
  // Before the archive's first segment nothing is missing.
  EXPECT_EQ(Fetch(archive, Options(Name(1, 2))), FetchOutcome::kNotThere);
}

TEST_F(FetchTest, NeverHidesAGapInFrontOfTheNextTimeline) {
  PutHistory(At(6, 100));
  PutSegments({3, 4});
  PutSegments({6}, 2);
  ExpectError(ErrorKind::kCorrupt, "is missing",
              [&] { (void)Fetch(archive, Along(2, Name(1, 5))); });
  archive.PutTail(kSystem, kFirst, At(5), base::ByteView(MakeSegment(1, 5)).first(9000));
  ExpectError(ErrorKind::kCorrupt, "only in part",
              [&] { (void)Fetch(archive, Along(2, Name(1, 5))); });
  PutSegments({5});
  EXPECT_EQ(Fetch(archive, Along(2, Name(1, 5))), FetchOutcome::kFetched);
  EXPECT_EQ(Fetch(archive, Along(2, Name(2, 7))), FetchOutcome::kNotThere);
  EXPECT_EQ(Fetch(archive, Along(1, Name(1, 6))), FetchOutcome::kNotThere);
}

TEST_F(FetchTest, NeverHidesAGapInFrontOfATail) {
  PutSegments({3});
  archive.PutTail(kSystem, kFirst, At(5), base::ByteView(MakeSegment(1, 5)).first(9000));
  ExpectError(ErrorKind::kCorrupt, "is missing",
              [&] { (void)Fetch(archive, Along(1, Name(1, 4))); });
  EXPECT_EQ(Fetch(archive, Along(1, Name(1, 5))), FetchOutcome::kFetched);
}

TEST_F(FetchTest, TakesAGapThatRecoveryStopsBeforeForTheEnd) {
  PutSegments({3, 5, 6});
  EXPECT_EQ(Fetch(archive, Along(1, Name(1, 4), At(4))), FetchOutcome::kNotThere);
  EXPECT_EQ(Fetch(archive, Along(1, Name(1, 5), At(4))), FetchOutcome::kNotThere);
  EXPECT_EQ(Fetch(archive, Along(1, Name(1, 3), At(4))), FetchOutcome::kFetched);
  ExpectError(ErrorKind::kCorrupt, "is missing",
              [&] { (void)Fetch(archive, Along(1, Name(1, 4), At(5))); });

  archive.PutTail(kSystem, kFirst, At(4), base::ByteView(MakeSegment(1, 4)).first(9000));
  EXPECT_EQ(Fetch(archive, Along(1, Name(1, 4), At(4, 9000))), FetchOutcome::kFetched);
}

TEST_F(FetchTest, MissesNothingOnATimelineThatThePathHasLeft) {
  PutHistory(At(5, 100));
  PutSegments({3, 4, 5, 7});
  PutSegments({5}, 2);
  // The server asks for it once timeline 2 has ended.
  EXPECT_EQ(Fetch(archive, Along(2, Name(1, 6))), FetchOutcome::kNotThere);
  ExpectError(ErrorKind::kCorrupt, "is missing",
              [&] { (void)Fetch(archive, Along(1, Name(1, 6))); });
}

TEST_F(FetchTest, CannotTellAGapWithoutTheHistoryOfItsPath) {
  PutSegments({3});
  ExpectError(ErrorKind::kCorrupt, "history file of timeline 2",
              [&] { (void)Fetch(archive, Along(2, Name(1, 4))); });
}

TEST_F(FetchTest, GivesTheEndOfATimelineFromItsPartialSegment) {
  PutHistory(At(5, 9000));
  PutSegments({3, 4});
  base::Bytes partial = MakeSegment(1, 5);
  std::fill(partial.begin() + 9000, partial.end(), 0);
  (void)archive.Put(kSystem, Name(1, 5) + ".partial", partial);
  PutSegments({5, 6}, 2);
  for (const FetchOptions& options :
       {Options(Name(1, 5)), Along(1, Name(1, 5)), Along(2, Name(1, 5))}) {
    EXPECT_EQ(Fetch(archive, options), FetchOutcome::kFetched);
    EXPECT_EQ(Fetched(), partial);
  }
  EXPECT_EQ(Fetch(archive, Options(Name(1, 6))), FetchOutcome::kNotThere);
  EXPECT_EQ(Fetch(archive, Along(2, Name(1, 6))), FetchOutcome::kNotThere);
}

TEST_F(FetchTest, NeverTakesAParentsPartialSegmentForTheChildsOwn) {
  PutHistory(At(5, 9000));
  PutSegments({3, 4});
  base::Bytes partial = MakeSegment(1, 5);
  std::fill(partial.begin() + 9000, partial.end(), 0);
  (void)archive.Put(kSystem, Name(1, 5) + ".partial", partial);
  PutSegments({6}, 2);
  // Timeline 2 has written from 5/9000 on, and that is missing.
  for (const std::string& name : {Name(2, 5), Name(1, 5)}) {
    ExpectError(ErrorKind::kCorrupt, "later WAL", [&] { (void)Fetch(archive, Along(2, name)); });
  }
  ExpectError(ErrorKind::kCorrupt, "is missing",
              [&] { (void)Fetch(archive, Options(Name(2, 5))); });
}

TEST_F(FetchTest, MissesNothingBeforeATimelineBegins) {
  PutHistory(At(5, 100));
  PutSegments({3, 4, 5});
  PutSegments({5, 6}, 2);
  EXPECT_EQ(Fetch(archive, Options(Name(2, 4))), FetchOutcome::kNotThere);
  EXPECT_EQ(Fetch(archive, Along(2, Name(2, 3))), FetchOutcome::kNotThere);
}

TEST_F(FetchTest, KnowsNoBeginningWithoutTheTimelinesHistory) {
  PutSegments({6}, 2);
  ExpectError(ErrorKind::kCorrupt, "is missing",
              [&] { (void)Fetch(archive, Options(Name(2, 5))); });
  EXPECT_EQ(Fetch(archive, Options(Name(2, 7))), FetchOutcome::kNotThere);
}

TEST_F(FetchTest, ATimelineThatHasWalMustHaveAHistory) {
  const FetchOptions asked = Options("00000002.history");
  PutSegments({3});
  EXPECT_EQ(Fetch(archive, asked), FetchOutcome::kNotThere);
  archive.PutTail(kSystem, pg::TimelineId(2), At(4), base::ByteView(MakeSegment(2, 4)).first(9000));
  const auto expect_refusal = [&](const FetchOptions& options) {
    ExpectError(ErrorKind::kCorrupt, "00000002.history is missing",
                [&] { (void)Fetch(archive, options); });
  };
  expect_refusal(asked);
  PutSegments({4}, 2);
  expect_refusal(asked);
  expect_refusal(Along(2, "00000002.history"));
  // Recovery on timeline 1 looks for the number of its successor.
  EXPECT_EQ(Fetch(archive, Along(1, "00000002.history")), FetchOutcome::kNotThere);
  EXPECT_EQ(Fetch(archive, Options("00000001.history")), FetchOutcome::kNotThere);
  PutHistory(At(4, 100));
  EXPECT_EQ(Fetch(archive, asked), FetchOutcome::kFetched);
}

class PrefetchTest : public FetchTest {
 protected:
  // The one file that is there for a segment; empty when there is none.
  base::Path Ahead(const std::string& segment) {
    base::Path found;
    for (const auto& file : std::filesystem::directory_iterator(ahead_)) {
      if (!file.path().filename().native().starts_with(segment)) continue;
      EXPECT_TRUE(found.empty()) << file.path();
      found = file.path();
    }
    return found;
  }
  // Whatever lies there instead, recovery gets the archive's segment, and the other is removed.
  void ExpectFetchedAnew(std::uint64_t segment) {
    EXPECT_EQ(Fetch(archive, Prefetching(Name(1, segment))), FetchOutcome::kFetched);
    EXPECT_EQ(Fetched(), MakeSegment(1, segment));
    EXPECT_EQ(Ahead(Name(1, segment)), base::Path());
  }
  const base::Path ahead_ = directory_.path() / "prefetch";
};

TEST_F(PrefetchTest, FetchesAheadAndThenNeedsNoStore) {
  PutSegments({3, 4, 5, 6});
  Prefetch(archive, Prefetching(Name(1, 3)));
  EXPECT_NE(Ahead(Name(1, 4)), base::Path());
  EXPECT_NE(Ahead(Name(1, 5)), base::Path());
  EXPECT_EQ(Ahead(Name(1, 6)), base::Path());

  storage->Inject({.kind = storage::FaultKind::kFailNotApplied, .times = UINT64_MAX});
  EXPECT_EQ(Fetch(archive, Prefetching(Name(1, 5))), FetchOutcome::kFetched);
  EXPECT_EQ(Fetched(), MakeSegment(1, 5));
  EXPECT_EQ(Ahead(Name(1, 4)), base::Path()) << "what lies before it goes";
  EXPECT_EQ(Ahead(Name(1, 5)), base::Path());
}

TEST_F(PrefetchTest, NeverTakesAFileThatWasTornOrAltered) {
  PutSegments({3, 4, 5});
  Prefetch(archive, Prefetching(Name(1, 3)));
  base::Bytes altered = MakeSegment(1, 4);
  altered[kSmallBytes / 2] ^= 1;
  base::WriteFileDurably(Ahead(Name(1, 4)), altered);
  ExpectFetchedAnew(4);
  // As a crash of the machine leaves it: the right size, and zeros where nothing was written yet.
  base::Bytes torn = MakeSegment(1, 5);
  std::fill(torn.begin() + kSmallBytes / 2, torn.end(), 0);
  base::WriteFileDurably(Ahead(Name(1, 5)), torn);
  ExpectFetchedAnew(5);
}

TEST_F(PrefetchTest, NeverTakesWhatAnotherSourceLeft) {
  PutSegments({3, 4});
  Archive copy(repository, "copy");
  for (const std::uint64_t segment : {3U, 4U}) {
    (void)copy.Put(kSystem, Name(1, segment), MakeSegment(1, segment, 2));
  }
  Prefetch(copy, Prefetching(Name(1, 3)));
  EXPECT_NE(Ahead(Name(1, 4)), base::Path());
  ExpectFetchedAnew(4);
}

TEST_F(PrefetchTest, NeverTakesWhatAnotherRepositoryLeft) {
  PutSegments({3, 4});
  ArchiveFixture other;
  (void)other.archive.Put(kSystem, Name(1, 4), MakeSegment(1, 4, 2));
  (void)other.archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3, 2));
  Prefetch(other.archive, Prefetching(Name(1, 3)));
  EXPECT_NE(Ahead(Name(1, 4)), base::Path());
  ExpectFetchedAnew(4);
}

TEST_F(PrefetchTest, NeverTakesAFileUnderAnothersNameOrWithoutASeal) {
  PutSegments({3, 4, 5});
  Prefetch(archive, Prefetching(Name(1, 3)));
  // The timeline is another one, and such a segment of it is well possible.
  base::Path renamed = Ahead(Name(1, 4));
  std::string name = renamed.filename().native();
  (void)archive.Put(kSystem, Name(2, 4), MakeSegment(2, 4));
  std::filesystem::rename(renamed, ahead_ / name.replace(0, 24, Name(2, 4)));
  EXPECT_EQ(Fetch(archive, Prefetching(Name(2, 4))), FetchOutcome::kFetched);
  EXPECT_EQ(Fetched(), MakeSegment(2, 4));

  std::filesystem::remove(Ahead(Name(1, 5)));
  base::WriteFileDurably(ahead_ / Name(1, 5), MakeSegment(1, 5, 2));
  ExpectFetchedAnew(5);
}

TEST_F(PrefetchTest, AFileThatCannotBeReadIsNoHindrance) {
  PutSegments({3, 4});
  std::filesystem::create_directories(ahead_ / (Name(1, 4) + "." + std::string(32, 'a')));
  ExpectFetchedAnew(4);
}

}  // namespace
}  // namespace holdfast::wal
