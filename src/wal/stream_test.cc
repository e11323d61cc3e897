#include "wal/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/testing/expect_error.h"
#include "storage/testing/temporary_directory.h"
#include "wal/testing/fake_wal_server.h"
#include "wal/testing/running_stream.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

using base::ErrorKind;
using testing::HasSubstr;

constexpr pg::TimelineId kFirst{1};
constexpr pg::TimelineId kSecond{2};

class StreamTest : public testing::Test, public ArchiveFixture {
 protected:
  StreamOptions Options() {
    StreamOptions options;
    options.slot_name = "holdfast_shop";
    options.spool_directory = directory_.path() / "spool";
    options.tail_interval = std::chrono::milliseconds(50);
    return options;
  }
  // The archive has exactly the server's WAL of the timeline up to `end`, from segment `first` on.
  void ExpectArchived(pg::TimelineId timeline, std::uint64_t first, pg::Lsn end) {
    for (std::uint64_t segment = first; At(segment) < end; ++segment) {
      const std::string name = Name(timeline.value(), segment);
      if (At(segment + 1) <= end) {
        EXPECT_EQ(archive.Get(kSystem, name), server_.Read(timeline, At(segment), kSmallBytes))
            << name;
      } else {
        const auto open = archive.GetOpenSegment(kSystem, timeline, At(segment), kSmallBytes);
        ASSERT_TRUE(open) << name;
        EXPECT_EQ(open->end, end);
        EXPECT_TRUE(base::Equal(base::ByteView(open->bytes).first(end - At(segment)),
                                server_.Read(timeline, At(segment), end - At(segment))));
      }
    }
  }

  storage::TemporaryDirectory directory_;
  FakeWalServer server_;
};

TEST_F(StreamTest, StoresWholeSegmentsAndTheOpenOnesTail) {
  server_.Grow(2 * kSmallBytes);
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  server_.Grow(kSmallBytes + 777);
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  EXPECT_FALSE(stream.Stop());
  ExpectArchived(kFirst, 1, server_.flush());
  EXPECT_EQ(CountObjects("wal-tail/"), 1U);
  EXPECT_EQ(server_.acknowledged(), server_.flush());
  EXPECT_EQ(archive.RecordedTimeline(kSystem), kFirst);
  EXPECT_EQ(server_.slot(), At(4));
}

TEST_F(StreamTest, GoesOnWithoutAHoleAfterCutsAndRestarts) {
  for (int round = 0; round < 4; ++round) {
    RunningStream stream(server_, archive, Options());
    server_.Grow(300'000);
    server_.CutConnections();
    server_.Grow(400'000);
    ASSERT_TRUE(stream.AwaitStored(server_.flush()));
    EXPECT_FALSE(stream.Stop());
    // Another host takes over with an empty spool.
    if (round == 2) std::filesystem::remove_all(directory_.path() / "spool");
  }
  ExpectArchived(kFirst, 1, server_.flush());
  EXPECT_THAT(archive.Take(kSystem).ranges, testing::SizeIs(1));
}

TEST_F(StreamTest, EndsWhenEverythingUpToStopAtIsStored) {
  server_.Grow(2 * kSmallBytes);
  StreamOptions options = Options();
  options.stop_at = At(2, 5000);
  RunningStream stream(server_, archive, options);
  ASSERT_TRUE(stream.AwaitEnd());
  EXPECT_FALSE(stream.Stop());
  EXPECT_GE(archive.Take(kSystem).ranges.at(0).end, At(2, 5000));
}

TEST_F(StreamTest, StopsAtAServerThatWasRolledBack) {
  server_.Grow(kSmallBytes);
  {
    RunningStream stream(server_, archive, Options());
    ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  }
  const Inventory before = archive.Take(kSystem);
  server_.RollBackTo(At(2, 40));
  RunningStream behind(server_, archive, Options());
  ASSERT_TRUE(behind.AwaitEnd());
  EXPECT_EQ(behind.Stop().value().kind(), ErrorKind::kConflict);
  server_.Grow(50'000);  // past where it was, with other contents
  RunningStream differs(server_, archive, Options());
  ASSERT_TRUE(differs.AwaitEnd());
  const base::Error error = differs.Stop().value();
  EXPECT_EQ(error.kind(), ErrorKind::kConflict);
  EXPECT_THAT(error.message(), HasSubstr("rolled back"));
  EXPECT_EQ(archive.Take(kSystem).ranges, before.ranges);
}

TEST_F(StreamTest, ComparesWithTheArchiveWhenTheSpoolIsLost) {
  server_.Grow(kSmallBytes);
  {
    RunningStream stream(server_, archive, Options());
    ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  }
  std::filesystem::remove_all(directory_.path() / "spool");
  server_.RollBackTo(At(2, 40));
  server_.Grow(50'000);
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitEnd());
  EXPECT_EQ(stream.Stop().value().kind(), ErrorKind::kConflict);
}

TEST_F(StreamTest, AlarmsWhenTheOpenSegmentIsArchivedWithOtherContents) {
  server_.Grow(kSmallBytes);
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  // A restored copy that still archives pushes the segment that the source is writing.
  (void)archive.Put(kSystem, Name(1, 2), MakeSegment(1, 2, 99));
  server_.Grow(500);
  ASSERT_TRUE(stream.AwaitEnd());
  const base::Error error = stream.Stop().value();
  EXPECT_EQ(error.kind(), ErrorKind::kConflict);
  EXPECT_THAT(error.message(), HasSubstr("begins otherwise"));
}

TEST_F(StreamTest, StopsOnceTheRepositoryIsAnother) {
  server_.Grow(kSmallBytes);
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  const pg::Lsn stored = server_.flush();
  for (const storage::ObjectInfo& object : storage::ListAll(*storage, "")) {
    (void)storage->Remove(object.name);
  }
  const base::Bytes config = storage::GetExisting(*ArchiveFixture().storage, "config");
  (void)storage->Put("config", config);
  server_.Grow(2 * kSmallBytes);
  ASSERT_TRUE(stream.AwaitEnd());
  const base::Error error = stream.Stop().value();
  EXPECT_EQ(error.kind(), ErrorKind::kConflict);
  EXPECT_THAT(error.message(), HasSubstr("another repository"));
  EXPECT_EQ(CountObjects("wal/shop/7301234567890123456/00000001/"), 0U);
  EXPECT_EQ(CountObjects("wal-tail/"), 0U);
  EXPECT_LE(server_.slot().value(), stored);
}

// The config may come back, and tells then which repository it is.
TEST_F(StreamTest, WaitsWhileTheRepositoryHasNoConfig) {
  server_.Grow(kSmallBytes);
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  const base::Bytes config = storage::GetExisting(*storage, "config");
  (void)storage->Remove("config");
  server_.Grow(kSmallBytes);
  ASSERT_TRUE(stream.AwaitProblem("lost its object config"));
  (void)storage->Put("config", config);
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  EXPECT_FALSE(stream.Stop());
}

// A receiver on a host that may only add.
class AddOnlyStreamTest : public StreamTest {
 protected:
  void StreamUntilStored() {
    RunningStream stream(server_, adding_, Options());
    ASSERT_TRUE(stream.AwaitStored(server_.flush())) << stream.state().problem;
    EXPECT_TRUE(stream.Await([](const StreamState& state) { return state.problem.empty(); }))
        << stream.state().problem;
    EXPECT_FALSE(stream.Stop());
  }
  void LoseSpool() { std::filesystem::remove_all(directory_.path() / "spool"); }

  const repo::Repository add_only_ = AddOnly();
  Archive adding_{add_only_, "shop"};
};

TEST_F(AddOnlyStreamTest, StoresWhatAFullKeyReads) {
  server_.Grow(2 * kSmallBytes + 777);
  StreamUntilStored();
  ExpectArchived(kFirst, 1, server_.flush());
  pg::ExpectError(ErrorKind::kDenied, "read no content",
                  [&] { (void)adding_.Get(kSystem, Name(1, 1)); });
  EXPECT_EQ(adding_.Take(kSystem).ranges, archive.Take(kSystem).ranges);
}

TEST_F(AddOnlyStreamTest, GoesOnWithoutReadingTheArchive) {
  for (int round = 0; round < 4; ++round) {
    server_.Grow(700'000);
    StreamUntilStored();
    if (round % 2 == 0) LoseSpool();
  }
  ExpectArchived(kFirst, 1, server_.flush());
  EXPECT_EQ(CountObjects("wal-tail/"), 1U);
}

TEST_F(AddOnlyStreamTest, FindsARollbackByDigests) {
  server_.Grow(kSmallBytes);
  StreamUntilStored();
  LoseSpool();
  const std::vector<WalRange> before = archive.Take(kSystem).ranges;
  server_.RollBackTo(At(2, 40));
  server_.Grow(50'000);
  RunningStream stream(server_, adding_, Options());
  ASSERT_TRUE(stream.AwaitEnd());
  EXPECT_EQ(stream.Stop().value().kind(), ErrorKind::kConflict);
  EXPECT_EQ(archive.Take(kSystem).ranges, before);
}

TEST_F(AddOnlyStreamTest, FindsARollbackThatHasFilledTheSegmentMeanwhile) {
  server_.Grow(kSmallBytes);
  StreamUntilStored();
  LoseSpool();
  const std::vector<WalRange> before = archive.Take(kSystem).ranges;
  server_.RollBackTo(At(2, 40));
  server_.Grow(2 * kSmallBytes);
  RunningStream stream(server_, adding_, Options());
  ASSERT_TRUE(stream.AwaitEnd());
  EXPECT_EQ(stream.Stop().value().kind(), ErrorKind::kConflict);
  EXPECT_EQ(archive.Take(kSystem).ranges, before);
}

TEST_F(AddOnlyStreamTest, FindsAForkInAWholeSegmentByItsDigest) {
  server_.Grow(kSmallBytes);
  StreamUntilStored();
  (void)archive.Put(kSystem, Name(1, 2), MakeSegment(1, 2, 99));
  server_.Grow(kSmallBytes);
  RunningStream stream(server_, adding_, Options());
  ASSERT_TRUE(stream.AwaitEnd());
  EXPECT_EQ(stream.Stop().value().kind(), ErrorKind::kConflict);
  EXPECT_EQ(archive.Get(kSystem, Name(1, 2)), MakeSegment(1, 2, 99));
}

TEST_F(AddOnlyStreamTest, APartialSegmentIsNoHindrance) {
  server_.Grow(2 * kSmallBytes);
  StreamUntilStored();
  base::Bytes partial = server_.Read(kFirst, At(3), 100);
  partial.resize(kSmallBytes);
  (void)archive.Put(kSystem, Name(1, 3) + ".partial", partial);
  LoseSpool();
  EXPECT_THAT(adding_.Take(kSystem).unread, testing::ElementsAre(Name(1, 3) + ".partial"));
  server_.Grow(kSmallBytes);
  StreamUntilStored();
  ExpectArchived(kFirst, 1, server_.flush());
}

TEST_F(AddOnlyStreamTest, KnowsTimelinesAndStoresWhatIsDamaged) {
  constexpr std::string_view kHistory = "1\t0/300000\tpromoted\n";
  (void)adding_.Put(kSystem, "00000002.history", base::AsBytes(kHistory));
  EXPECT_EQ(adding_.History(kSystem, kSecond).value().timeline(), kSecond);
  (void)adding_.Put(kSystem, Name(1, 1), MakeSegment(1, 1));
  EXPECT_EQ(adding_.Put(kSystem, Name(1, 1), MakeSegment(1, 1)), ArchiveOutcome::kAlreadyThere);
  const auto objects = storage::ListAll(*storage, "wal/shop/7301234567890123456/00000001/");
  ASSERT_EQ(objects.size(), 1U);
  storage->FlipBitAtRest(objects[0].name, objects[0].size / 2);
  EXPECT_EQ(adding_.Put(kSystem, Name(1, 1), MakeSegment(1, 1)), ArchiveOutcome::kStored);
  EXPECT_EQ(archive.Get(kSystem, Name(1, 1)), MakeSegment(1, 1));
}

class DamageTest : public StreamTest {
 protected:
  void SetUp() override {
    server_.Grow(2 * kSmallBytes);
    StreamUntilStored();
  }
  void StreamUntilStored() {
    RunningStream stream(server_, archive, Options());
    ASSERT_TRUE(stream.AwaitStored(server_.flush())) << stream.state().problem;
    EXPECT_FALSE(stream.Stop());
  }
  void Damage(const std::string& prefix) {
    const auto objects = storage::ListAll(*storage, prefix);
    ASSERT_EQ(objects.size(), 1U);
    storage->FlipBitAtRest(objects[0].name, objects[0].size / 2);
  }
  // The receiver says what is damaged, and that this mends it.
  void ExpectMended() {
    RunningStream stream(server_, archive, Options());
    ASSERT_TRUE(stream.AwaitProblem("damaged in the archive")) << stream.state().problem;
    server_.Grow(kSmallBytes + 500);
    ASSERT_TRUE(stream.AwaitStored(server_.flush())) << stream.state().problem;
    EXPECT_TRUE(stream.Await([](const StreamState& state) { return state.problem.empty(); }));
    EXPECT_FALSE(stream.Stop());
    ExpectArchived(kFirst, 1, server_.flush());
  }
};

TEST_F(DamageTest, ADamagedTailIsNamedAndStoredAnew) {
  Damage("wal-tail/");
  ExpectMended();
}

TEST_F(DamageTest, ADamagedTailIsStoredAnewByAReceiverWithAnEmptySpool) {
  Damage("wal-tail/");
  std::filesystem::remove_all(directory_.path() / "spool");
  ExpectMended();
}

TEST_F(DamageTest, ADamagedTailIsStoredAnewWhereTheServerWritesNoMore) {
  Damage("wal-tail/");
  StreamUntilStored();
  ExpectArchived(kFirst, 1, server_.flush());
}

TEST_F(DamageTest, ATailThatNoKeyOpensIsStoredAnew) {
  const std::string name = storage::ListAll(*storage, "wal-tail/").at(0).name;
  const base::Bytes foreign = ArchiveFixture().Seal(base::AsBytes("another's"));
  (void)storage->Remove(name);
  (void)storage->Put(name, foreign);
  ExpectMended();
}

TEST_F(DamageTest, ADamagedSegmentIsStoredAnew) {
  server_.Grow(At(4) - server_.flush());
  StreamUntilStored();
  Damage("wal/shop/7301234567890123456/00000001/" + Name(1, 3));
  std::filesystem::remove_all(directory_.path() / "spool");
  ExpectMended();
}

TEST_F(DamageTest, ADamagedPartialSegmentIsNoHindrance) {
  base::Bytes partial = server_.Read(kFirst, At(3), 100);
  partial.resize(kSmallBytes);
  (void)archive.Put(kSystem, Name(1, 3) + ".partial", partial);
  Damage("wal/shop/7301234567890123456/00000001/" + Name(1, 3) + ".partial");
  ExpectMended();
}

TEST_F(DamageTest, ARollbackBehindADamagedTailIsFoundAllTheSame) {
  Damage("wal-tail/");
  std::filesystem::remove_all(directory_.path() / "spool");
  server_.RollBackTo(At(3, 40));
  server_.Grow(50'000);
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitEnd());
  EXPECT_EQ(stream.Stop().value().kind(), ErrorKind::kConflict);
}

TEST_F(StreamTest, FollowsTheServerToItsNextTimeline) {
  server_.Grow(kSmallBytes + 5000);
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  const pg::Lsn left_at = server_.flush();
  server_.Promote(left_at);
  server_.Grow(kSmallBytes);
  ASSERT_TRUE(stream.Await([&](const StreamState& state) {
    return state.timeline == kSecond && state.stored == server_.flush();
  }));
  EXPECT_FALSE(stream.Stop());
  ExpectArchived(kFirst, 1, left_at);
  ExpectArchived(kSecond, 2, server_.flush());
  EXPECT_EQ(archive.History(kSystem, kSecond).value().LeftAt(kFirst), left_at);
  EXPECT_EQ(archive.RecordedTimeline(kSystem), kSecond);
}

// A copy that was recovered to an earlier moment took the source's place; the spool still holds the
// end of the timeline that it left.
TEST_F(StreamTest, TakesNoPositionOfAnAbandonedTimelineForOneOfTheServer) {
  server_.Grow(5 * kSmallBytes + 5000);
  {
    RunningStream stream(server_, archive, Options());
    ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  }
  server_.Promote(At(2, 40));
  server_.LoseSlot();
  server_.Grow(5000);
  const pg::Lsn end = server_.flush();
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.Await([](const StreamState& state) { return state.stored.has_value(); }));
  EXPECT_LE(*stream.state().stored, end);
  ASSERT_TRUE(stream.Await([&](const StreamState& state) { return state.stored == end; }));
  server_.Grow(2 * kSmallBytes);
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  EXPECT_FALSE(stream.Stop());
  EXPECT_EQ(server_.slot(), At(4));
  ExpectArchived(kSecond, 2, server_.flush());
}

// Dropped by somebody: the next interruption would leave a gap.
TEST_F(StreamTest, MakesASlotAgainThatVanishesWhileItReceives) {
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  server_.LoseSlot();
  server_.Grow(3 * kSmallBytes);
  EXPECT_TRUE(stream.Await([](const StreamState& state) {
    return state.problem.find("was dropped, so that nothing kept WAL on the server") !=
           std::string::npos;
  }));
  EXPECT_TRUE(server_.slot());
  EXPECT_FALSE(stream.Stop());
}

TEST_F(StreamTest, ShowsAGapAndGoesOnBehindIt) {
  {
    RunningStream stream(server_, archive, Options());
    ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  }
  server_.Grow(3 * kSmallBytes);
  server_.LoseSlot();
  server_.ForgetBefore(At(3));
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  EXPECT_TRUE(stream.Await([](const StreamState& state) {
    return state.problem.find("recovery cannot pass this gap") != std::string::npos;
  }));
  EXPECT_FALSE(stream.Stop());
  const Inventory inventory = archive.Take(kSystem);
  ASSERT_EQ(inventory.ranges.size(), 2U);
  EXPECT_EQ(inventory.ranges[1].start, At(3));
}

TEST_F(StreamTest, KeepsTheSpoolWithinItsBoundWhileTheStoreIsDown) {
  StreamOptions options = Options();
  options.max_spool_bytes = 1;
  storage->Inject({.kind = storage::FaultKind::kFailNotApplied,
                   .verb = storage::Verb::kPut,
                   .times = UINT64_MAX});
  server_.Grow(12 * kSmallBytes);
  RunningStream stream(server_, archive, options);
  ASSERT_TRUE(stream.Await([](const StreamState& state) {
    return state.problem.find("the spool is full") != std::string::npos &&
           state.problem.find("WAL waits in the spool") != std::string::npos;
  }));
  std::uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(options.spool_directory)) {
    bytes += file.file_size();
  }
  EXPECT_LE(bytes, 4 * kSmallBytes + 1000);
  storage->ClearFaults();
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  EXPECT_TRUE(stream.Await([](const StreamState& state) { return state.problem.empty(); }));
  EXPECT_FALSE(stream.Stop());
  ExpectArchived(kFirst, 1, server_.flush());
}

TEST_F(StreamTest, BringsASpoolThatWasLeftOverIntoTheRepository) {
  storage->Inject({.kind = storage::FaultKind::kFailNotApplied,
                   .verb = storage::Verb::kPut,
                   .times = UINT64_MAX});
  server_.Grow(kSmallBytes);
  const pg::Lsn end = server_.flush();
  {
    RunningStream stream(server_, archive, Options());
    ASSERT_TRUE(stream.Await([&](const StreamState& state) { return state.spooled == end; }));
  }
  EXPECT_EQ(archive.Take(kSystem).ranges.size(), 0U);
  storage->ClearFaults();
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(end));
  EXPECT_FALSE(stream.Stop());
  ExpectArchived(kFirst, 1, end);
}

TEST_F(StreamTest, ReadsThroughSqlWhereReplicationIsRefused) {
  server_.RefuseReplication();
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  EXPECT_TRUE(
      stream.Await([](const StreamState& state) { return state.method == StreamMethod::kSql; }));
  EXPECT_FALSE(stream.Stop());
}

TEST_F(StreamTest, TwoReceiversOfOneSourceDoNoHarm) {
  StreamOptions other = Options();
  other.spool_directory = directory_.path() / "spool of another host";
  RunningStream one(server_, archive, Options());
  RunningStream two(server_, archive, other);
  for (int round = 0; round < 6; ++round) {
    server_.Grow(kSmallBytes / 2 + 777);
    if (round == 3) server_.CutConnections();
    ASSERT_TRUE(one.AwaitStored(server_.flush())) << one.state().problem;
    ASSERT_TRUE(two.AwaitStored(server_.flush())) << two.state().problem;
  }
  for (RunningStream* stream : {&one, &two}) {
    EXPECT_TRUE(stream->Await([](const StreamState& state) { return state.problem.empty(); }))
        << stream->state().problem;
    EXPECT_FALSE(stream->Stop());
  }
  ExpectArchived(kFirst, 1, server_.flush());
  EXPECT_THAT(archive.Take(kSystem).ranges, testing::SizeIs(1));
  EXPECT_EQ(CountObjects("wal/shop/7301234567890123456/00000001/"), 3U);
  EXPECT_EQ(server_.slot(), At(4));
}

// The other one has moved the slot, and the server let go of what this one did not receive yet.
TEST_F(StreamTest, GoesOnBehindWhatAnotherReceiverHasStored) {
  {
    RunningStream one(server_, archive, Options());
    ASSERT_TRUE(one.AwaitStored(server_.flush()));
  }
  StreamOptions other = Options();
  other.spool_directory = directory_.path() / "spool of another host";
  server_.Grow(4 * kSmallBytes);
  {
    RunningStream two(server_, archive, other);
    ASSERT_TRUE(two.AwaitStored(server_.flush()));
    EXPECT_FALSE(two.Stop());
  }
  server_.ForgetBefore(server_.slot().value());
  server_.Grow(kSmallBytes);
  RunningStream one(server_, archive, Options());
  ASSERT_TRUE(one.AwaitStored(server_.flush())) << one.state().problem;
  EXPECT_EQ(one.state().problem, "");
  EXPECT_FALSE(one.Stop());
  ExpectArchived(kFirst, 1, server_.flush());
  EXPECT_THAT(archive.Take(kSystem).ranges, testing::SizeIs(1));
}

TEST_F(StreamTest, SaysThatTheSlotIsTakenAndGoesOn) {
  server_.OccupySlot(true);
  RunningStream stream(server_, archive, Options());
  server_.Grow(2 * kSmallBytes);
  ASSERT_TRUE(stream.AwaitProblem("in use by another connection")) << stream.state().problem;
  ASSERT_TRUE(stream.AwaitStored(server_.flush()));
  EXPECT_EQ(server_.slot(), At(1));
  server_.OccupySlot(false);
  EXPECT_TRUE(stream.Await([](const StreamState& state) { return state.problem.empty(); }));
  EXPECT_EQ(server_.slot(), At(3));
  EXPECT_FALSE(stream.Stop());
  ExpectArchived(kFirst, 1, server_.flush());
}

TEST_F(StreamTest, RefusesAnotherCluster) {
  StreamOptions options = Options();
  options.expected_system = pg::SystemIdentifier(5);
  RunningStream stream(server_, archive, options);
  ASSERT_TRUE(stream.AwaitEnd());
  EXPECT_EQ(stream.Stop().value().kind(), ErrorKind::kConflict);
}

TEST_F(StreamTest, RefusesToReplaceWhatTheArchiveHolds) {
  (void)archive.Put(kSystem, Name(1, 1), MakeSegment(1, 1, 99));
  server_.Grow(2 * kSmallBytes);
  RunningStream stream(server_, archive, Options());
  ASSERT_TRUE(stream.AwaitEnd());
  EXPECT_EQ(stream.Stop().value().kind(), ErrorKind::kConflict);
  EXPECT_EQ(archive.Get(kSystem, Name(1, 1)), MakeSegment(1, 1, 99));
}

}  // namespace
}  // namespace holdfast::wal
