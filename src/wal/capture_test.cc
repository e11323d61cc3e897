#include "wal/capture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/testing/expect_error.h"
#include "wal/testing/fake_capture_server.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

using base::ErrorKind;
using pg::ExpectError;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr pg::TimelineId kFirst{1};
constexpr seconds kPatience{30};

class CaptureTest : public testing::Test, public ArchiveFixture {
 protected:
  CaptureOptions Options() const {
    return {.system = kSystem,
            .timeline = kFirst,
            .start = At(2, 40),
            .segment_size = kSmallBytes,
            .patience = kPatience};
  }
  Capture Make(const CaptureOptions& options) {
    return {archive, server_, options, clock, report_};
  }
  Capture Make() { return Make(Options()); }
  void Follow(Capture& capture) { capture.Follow(server_.stop.get_token()); }
  void Nothing(int looks) {
    for (int i = 0; i < looks; ++i) server_.script.emplace_back([] {});
  }
  void ExpectStored(std::uint64_t segment) {
    EXPECT_EQ(archive.Get(kSystem, Name(1, segment)), MakeSegment(1, segment)) << segment;
  }
  // What a receiver that is at work has brought before the backup's start.
  void ReceiveBefore() { (void)archive.Put(kSystem, Name(1, 1), MakeSegment(1, 1)); }
  base::Duration Passed() const { return clock.Now() - started_; }

  base::NullReporter report_;
  FakeCaptureServer server_;
  const base::Time started_ = clock.Now();
};

TEST_F(CaptureTest, TakesSegmentsOnceTheyAreWhole) {
  server_.script = {[&] { server_.flushed = At(2, 500); },
                    [&] {
                      EXPECT_EQ(CountObjects("wal/"), 0U);
                      server_.Write(2);
                      server_.Write(3);
                      server_.flushed = At(4, 100);
                    },
                    [&] {
                      ExpectStored(2);
                      ExpectStored(3);
                      EXPECT_EQ(server_.let_go, At(4));
                      server_.files.clear();  // recycled long before the backup's end
                    }};
  Capture capture = Make();
  Follow(capture);
  server_.Write(4);
  const Captured captured = capture.Finish(At(5), {});
  EXPECT_THAT(captured.by_us, ElementsAre(Name(1, 2), Name(1, 3), Name(1, 4)));
  EXPECT_THAT(captured.by_others, IsEmpty());
  EXPECT_THAT(captured.warnings, IsEmpty());
  ExpectStored(4);
}

TEST_F(CaptureTest, StoresTheOpenSegmentUpToTheBackupsEnd) {
  server_.Write(2);
  Capture capture = Make();
  (void)capture.Finish(At(2, 30'000), {});
  EXPECT_EQ(archive.GetOpenSegment(kSystem, kFirst, At(2), kSmallBytes)->end, At(2, 30'000));
  EXPECT_EQ(CountObjects("wal/shop/7301234567890123456/00000001/"), 0U);
}

TEST_F(CaptureTest, LeavesToOthersWhatTheyDeliver) {
  ReceiveBefore();
  server_.holds = true;
  server_.script = {[&] { server_.Write(2); },
                    [&] { (void)archive.Put(kSystem, Name(1, 2), MakeSegment(1, 2)); },
                    [&] { server_.Write(3); },
                    [&] {
                      EXPECT_EQ(server_.let_go, At(3));
                      (void)archive.Put(kSystem, Name(1, 3), MakeSegment(1, 3));
                    }};
  Capture capture = Make();
  Follow(capture);
  const Captured captured = capture.Finish(At(4), {});
  EXPECT_THAT(captured.by_others, ElementsAre(Name(1, 2), Name(1, 3)));
  EXPECT_THAT(captured.by_us, IsEmpty());
  EXPECT_EQ(server_.reads, 0);
}

TEST_F(CaptureTest, DoesNotCountOnWalThatIsSealedWithOtherKeys) {
  const ArchiveFixture other;
  const std::string object =
      fmt::format("wal/shop/{}/00000001/{}.{}", kSystem.value(), Name(1, 2), std::string(32, 'a'));
  (void)storage->Put(object, other.Seal(MakeSegment(1, 2)));
  for (const bool add_only : {false, true}) {
    const repo::Repository opened = add_only ? AddOnly() : repository;
    Archive own(opened, "shop");
    server_.Write(2);
    Capture capture(own, server_, Options(), clock, report_);
    ExpectError(ErrorKind::kCorrupt, "cannot be read", [&] { (void)capture.Finish(At(3), {}); });
  }
}

TEST_F(CaptureTest, StoresAgainWhatIsDamagedInTheArchive) {
  CaptureOptions options = Options();
  options.timeline = pg::TimelineId(2);
  const std::string text = "1\t0/100200\tpromoted\n";
  const std::string history = "00000002.history";
  server_.files[history] = {text.begin(), text.end()};
  server_.files[Name(2, 2)] = MakeSegment(2, 2);
  server_.flushed = At(3);
  for (const auto& [name, contents] : server_.files) (void)archive.Put(kSystem, name, contents);
  const auto damage = [&] {
    for (const auto& [name, contents] : server_.files) {
      for (const auto& object : storage::ListAll(*storage, "wal/shop/")) {
        if (object.name.find(name + ".") != std::string::npos) {
          storage->FlipBitAtRest(object.name, object.size - 40);
        }
      }
    }
  };
  for (const bool add_only : {false, true}) {
    damage();
    const repo::Repository opened = add_only ? AddOnly() : repository;
    Archive own(opened, "shop");
    Capture capture(own, server_, options, clock, report_);
    EXPECT_THAT(capture.Finish(At(3), {}).warnings,
                ElementsAre(HasSubstr(history + " was damaged"), HasSubstr(Name(2, 2))));
    EXPECT_EQ(archive.Get(kSystem, Name(2, 2)), MakeSegment(2, 2));
  }

  damage();
  server_.read_failure = base::Error(ErrorKind::kUnavailable, "cut");
  Capture cut = Make(options);
  ExpectError(ErrorKind::kUnavailable, "cut", [&] { (void)cut.Finish(At(3), {}); });
  server_.files[Name(2, 2)] = MakeSegment(2, 2, 7);
  Capture other = Make(options);
  ExpectError(ErrorKind::kCorrupt, "cannot be read", [&] { (void)other.Finish(At(3), {}); });
  server_.files.erase(Name(2, 2));
  Capture gone = Make(options);
  ExpectError(ErrorKind::kCorrupt, "cannot be read", [&] { (void)gone.Finish(At(3), {}); });
}

TEST_F(CaptureTest, ReadsWhatAnArchiverDoesNotBringInTime) {
  CaptureOptions options = Options();
  options.pushed = true;
  server_.holds = true;
  server_.script = {[&] {
    server_.Write(2);
    server_.Write(3);
  }};
  Nothing(static_cast<int>(kPatience / std::chrono::milliseconds(500)) - 1);
  server_.script.emplace_back([&] {
    EXPECT_EQ(server_.reads, 0);
    EXPECT_GE(Passed(), kPatience);
  });
  server_.script.emplace_back([&] { EXPECT_EQ(server_.reads, 2); });
  Capture capture = Make(options);
  Follow(capture);
  EXPECT_THAT(capture.Finish(At(4), {}).by_us, ElementsAre(Name(1, 2), Name(1, 3)));
}

TEST_F(CaptureTest, WaitsForNobodyWhereTheArchiveEndedLongBefore) {
  (void)archive.Put(kSystem, Name(1, 1), MakeSegment(1, 1));
  CaptureOptions options = Options();
  options.start = At(5, 40);
  server_.holds = true;
  server_.script = {[&] { server_.Write(5); }, [&] { EXPECT_EQ(server_.reads, 1); }};
  Capture capture = Make(options);
  Follow(capture);
}

TEST_F(CaptureTest, WaitsForNobodyWhereTheServerMayRemoveWal) {
  ReceiveBefore();
  server_.script = {[&] { server_.Write(2); }, [&] { EXPECT_EQ(server_.reads, 1); }};
  Capture capture = Make();
  Follow(capture);
  EXPECT_THAT(capture.Finish(At(3), {}).by_us, ElementsAre(Name(1, 2)));
}

TEST_F(CaptureTest, AShortBackupWithoutAReceiverWaitsForNothing) {
  ReceiveBefore();
  server_.holds = true;
  server_.Write(2);
  Capture capture = Make();
  (void)capture.Finish(At(3), {});
  EXPECT_EQ(Passed(), base::Duration(0));
  ExpectStored(2);
}

TEST_F(CaptureTest, WaitsAtTheEndForAReceiverThatIsAtWork) {
  archive.PutTail(kSystem, kFirst, At(2), base::ByteView(MakeSegment(1, 2)).first(500));
  server_.Write(2);
  Capture capture = Make();
  (void)capture.Finish(At(3), {});
  EXPECT_GE(Passed(), kPatience);
  ExpectStored(2);
}

TEST_F(CaptureTest, EndsAtOnceWhenWalIsLost) {
  server_.script = {[&] {
    server_.Write(2);
    server_.Write(3);
    server_.files.erase(Name(1, 2));
  }};
  Capture capture = Make();
  ExpectError(ErrorKind::kUnavailable,
              "neither in the archive nor on the server any more: " + Name(1, 2),
              [&] { Follow(capture); });
  EXPECT_EQ(Passed(), base::Duration(0));
}

TEST_F(CaptureTest, WaitsForAReceiverBeforeItHoldsWalForLost) {
  ReceiveBefore();
  server_.script = {[&] { server_.flushed = At(3); }};
  Nothing(5);
  server_.script.emplace_back([&] { (void)archive.Put(kSystem, Name(1, 2), MakeSegment(1, 2)); });
  server_.script.emplace_back([&] { server_.flushed = At(4); });
  Nothing(1000);
  Capture capture = Make();
  ExpectError(ErrorKind::kUnavailable, "any more: " + Name(1, 3), [&] { Follow(capture); });
  EXPECT_GE(Passed(), kPatience);
}

TEST_F(CaptureTest, TakesNoFileThatWasRecycledWhileItWasRead) {
  for (const std::size_t page : {0U, 1U, 127U}) {
    server_.script = {[&] {
      server_.Write(2);
      const base::Bytes later = MakeSegment(1, 9);
      const auto from = static_cast<std::ptrdiff_t>(page * pg::kWalPageSize);
      std::copy_n(later.begin() + from, pg::kWalPageSize, server_.files[Name(1, 2)].begin() + from);
    }};
    Capture capture = Make();
    ExpectError(ErrorKind::kUnavailable, "nor on the server", [&] { Follow(capture); });
    EXPECT_EQ(CountObjects("wal/"), 0U);
  }
}

TEST_F(CaptureTest, TakesASegmentThatWasSwitchedAwayFrom) {
  base::Bytes bytes = MakePages(kFirst, At(2), 3 * pg::kWalPageSize, 1);
  bytes.resize(kSmallBytes);
  server_.script = {[&] {
                      server_.files[Name(1, 2)] = bytes;
                      server_.flushed = At(3);
                    },
                    [&] { EXPECT_EQ(archive.Get(kSystem, Name(1, 2)), bytes); }};
  Capture capture = Make();
  Follow(capture);
}

TEST_F(CaptureTest, TakesTheHistoryOfTheBackupsTimeline) {
  CaptureOptions options = Options();
  options.timeline = pg::TimelineId(2);
  const std::string text = "1\t0/100200\tpromoted\n";
  server_.files["00000002.history"] = {text.begin(), text.end()};
  server_.files[Name(2, 2)] = MakeSegment(2, 2);
  Nothing(1);
  Capture capture = Make(options);
  Follow(capture);
  EXPECT_TRUE(archive.History(kSystem, options.timeline));
  server_.files.erase("00000002.history");
  (void)capture.Finish(At(3), {});

  // Another brought it.
  Capture again = Make(options);
  EXPECT_THAT(again.Finish(At(3), {}).by_others, ElementsAre(Name(2, 2)));
}

TEST_F(CaptureTest, EndsAtOnceWithoutTheHistoryOfTheBackupsTimeline) {
  CaptureOptions options = Options();
  options.timeline = pg::TimelineId(2);
  Nothing(1);
  Capture capture = Make(options);
  ExpectError(ErrorKind::kUnavailable, "any more: 00000002.history", [&] { Follow(capture); });
  ExpectError(ErrorKind::kUnavailable, "any more: 00000002.history",
              [&] { (void)capture.Finish(At(3), {}); });
}

TEST_F(CaptureTest, TriesAgainWhatMayBeMended) {
  const auto fail = [] {
    throw base::Error(ErrorKind::kUnavailable, "the server is not to be reached");
  };
  server_.script = {
      fail,
      fail,
      [&] {
        server_.Write(2);
        server_.read_failure = base::Error(ErrorKind::kUnavailable, "cut");
      },
      [&] {
        ExpectStored(2);  // by another connection
        server_.Write(3);
        storage->Inject({.kind = storage::FaultKind::kFailNotApplied, .verb = storage::Verb::kPut});
      },
      [&] { EXPECT_FALSE(archive.Contains(kSystem, Name(1, 3))); },
      [&] { ExpectStored(3); }};
  Capture capture = Make();
  Follow(capture);
  EXPECT_THAT(capture.Finish(At(4), {}).warnings, IsEmpty());
}

TEST_F(CaptureTest, EndsWithWhatCannotBeMended) {
  server_.script = {[] { throw base::Error(ErrorKind::kConflict, "another server"); }};
  Capture capture = Make();
  ExpectError(ErrorKind::kConflict, "another server", [&] { Follow(capture); });
}

TEST_F(CaptureTest, LeavesAllToTheEndWhereARightIsMissing) {
  server_.Write(2);
  server_.denied = true;
  Nothing(1);
  Capture capture = Make();
  Follow(capture);
  EXPECT_FALSE(server_.stop.stop_requested());  // it ended by itself
  server_.denied = false;
  const Captured captured = capture.Finish(At(3), {});
  EXPECT_THAT(captured.warnings, ElementsAre(HasSubstr("permission denied for function")));
  EXPECT_THAT(captured.by_us, ElementsAre(Name(1, 2)));
}

TEST_F(CaptureTest, EndsWhenItIsTold) {
  server_.stop.request_stop();
  server_.Write(2);
  Capture capture = Make();
  Follow(capture);
  EXPECT_EQ(server_.reads, 0);
  ExpectError(ErrorKind::kCancelled, "",
              [&] { (void)capture.Finish(At(3), server_.stop.get_token()); });
}

}  // namespace
}  // namespace holdfast::wal
