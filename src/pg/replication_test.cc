#include "pg/replication.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "base/file.h"
#include "pg/replication_message.h"
#include "pg/testing/expect_error.h"
#include "pg/testing/live_cluster.h"

namespace holdfast::pg {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::Time kNow{std::chrono::seconds{1'800'000'000}};
// Long enough for a busy machine; no test waits for it to pass.
constexpr milliseconds kPatience{20'000};

template <typename Event>
Event ReceiveKind(ReplicationStream& stream) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    StreamEvent event = stream.Receive(milliseconds(500));
    if (auto* const wanted = std::get_if<Event>(&event)) return std::move(*wanted);
  }
  throw std::runtime_error("the awaited event did not come");
}

// Any number of events, until one throws.
void ReceiveUntilFailure(ReplicationStream& stream) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    static_cast<void>(stream.Receive(milliseconds(500)));
  }
}

Lsn SegmentBegin(Lsn lsn) { return Lsn(lsn.value() / (1 << 20) * (1 << 20)); }

class LiveStream : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ =
        new LiveCluster({.settings = {"wal_keep_size = 0", "max_wal_senders = 2",
                                      "max_replication_slots = 4", "wal_level = logical"},
                         .hba = {"local all all trust", "local replication sender,postgres trust",
                                 "local replication mortal trust"},
                         .initdb_arguments = {"--wal-segsize=1"}});
    cluster_->Run({"CREATE ROLE sender LOGIN REPLICATION", "CREATE ROLE mortal LOGIN",
                   "CREATE ROLE unlisted LOGIN REPLICATION", "CREATE TABLE t (x text)"});
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  static ConnectOptions As(const std::string& user) {
    ConnectOptions options = cluster_->connect();
    options.conninfo += " user=" + user;
    return options;
  }
  static LiveCluster* cluster_;
};
LiveCluster* LiveStream::cluster_ = nullptr;

TEST_F(LiveStream, SaysWhichClusterItIsOf) {
  ReplicationStream stream = ReplicationStream::Connect(As("sender"));
  const SystemIdentity identity = stream.Identify();
  EXPECT_EQ(fmt::format("{}", identity.system_identifier.value()),
            cluster_->Value("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(identity.timeline, TimelineId(1));
  EXPECT_TRUE(identity.flush_lsn.IsValid());
}

TEST_F(LiveStream, ReceivesTheBytesThatTheSegmentFilesHold) {
  ReplicationStream stream = ReplicationStream::Connect(As("sender"));
  const Lsn begin = SegmentBegin(stream.Identify().flush_lsn);
  cluster_->Run({"INSERT INTO t SELECT repeat('x', 500) FROM generate_series(1, 500)"});
  const Lsn end = ParseLsn(cluster_->Value("SELECT pg_current_wal_flush_lsn()"));
  stream.Start(begin, TimelineId(1));
  base::Bytes received;
  while (begin + received.size() < end) {
    const auto data = ReceiveKind<WalData>(stream);
    ASSERT_EQ(data.start, begin + received.size());
    EXPECT_GE(data.server_end, data.start + data.bytes.size());
    received.insert(received.end(), data.bytes.begin(), data.bytes.end());
  }
  const std::string name =
      cluster_->Value(fmt::format("SELECT pg_walfile_name('{}')", FormatLsn(begin + 1)));
  const base::Bytes file = base::ReadFile(cluster_->data_directory() / "pg_wal" / name);
  const std::size_t common = std::min(file.size(), received.size());
  EXPECT_TRUE(
      base::Equal(base::ByteView(file).first(common), base::ByteView(received).first(common)));
}

TEST_F(LiveStream, ShowsTheServerWhatWasWrittenAndFlushed) {
  ReplicationStream stream = ReplicationStream::Connect(As("sender"));
  const Lsn flush = stream.Identify().flush_lsn;
  stream.Start(flush, TimelineId(1));
  stream.SendStatus({.written = flush, .flushed = flush - 8}, kNow, /*request_reply=*/true);
  EXPECT_GE(ReceiveKind<KeepAliveMessage>(stream).server_end, flush);
  EXPECT_EQ(
      cluster_->Value("SELECT application_name || ' ' || write_lsn || ' ' || flush_lsn || ' ' "
                      "|| coalesce(replay_lsn::text, '-') FROM pg_stat_replication"),
      fmt::format("holdfast {} {} -", FormatLsn(flush), FormatLsn(flush - 8)));
}

TEST_F(LiveStream, SaysWhenNothingCame) {
  ReplicationStream stream = ReplicationStream::Connect(As("sender"));
  stream.Start(stream.Identify().flush_lsn, TimelineId(1));
  StreamEvent event = stream.Receive(milliseconds(1));
  for (int i = 0; i < 100 && !std::holds_alternative<NothingYet>(event); ++i) {
    event = stream.Receive(milliseconds(1));
  }
  EXPECT_TRUE(std::holds_alternative<NothingYet>(event));
}

TEST_F(LiveStream, SaysThatTheServerNoLongerHasTheWal) {
  const Lsn old = ParseLsn(cluster_->Value("SELECT pg_current_wal_flush_lsn()"));
  for (int i = 0; i < 4; ++i) {
    cluster_->Run({"INSERT INTO t SELECT repeat('x', 900) FROM generate_series(1, 500)",
                   "SELECT pg_switch_wal()", "CHECKPOINT"});
  }
  ReplicationStream stream = ReplicationStream::Connect(As("sender"));
  ExpectError(ErrorKind::kNotFound, "has already been removed", [&] {
    stream.Start(SegmentBegin(old), TimelineId(1));
    ReceiveUntilFailure(stream);
  });
}

TEST_F(LiveStream, RefusesAPositionThatTheServerHasNotReached) {
  ReplicationStream stream = ReplicationStream::Connect(As("sender"));
  const Lsn beyond = stream.Identify().flush_lsn + base::kGiB;
  ExpectError(ErrorKind::kConflict, "ahead of the WAL flush position", [&] {
    stream.Start(beyond, TimelineId(1));
    ReceiveUntilFailure(stream);
  });
  ExpectError(ErrorKind::kUnavailable, "not running", [&] { stream.Receive(milliseconds(1)); });
  ExpectError(ErrorKind::kConflict, "timeline 7",
              [&] { stream.Start(Lsn(base::kMiB), TimelineId(7)); });
  EXPECT_EQ(stream.Identify().timeline, TimelineId(1));
}

TEST_F(LiveStream, DistinguishesWhyAServerLetsNobodyReplicate) {
  const base::Error no_line = ErrorOf([] { ReplicationStream::Connect(As("unlisted")); });
  EXPECT_EQ(no_line.kind(), ErrorKind::kDenied);
  EXPECT_THAT(no_line.message(), testing::HasSubstr("no pg_hba.conf entry for replication"));
  EXPECT_THAT(no_line.hints().at(0), testing::HasSubstr("pg_hba.conf needs a line"));

  const base::Error no_right = ErrorOf([] { ReplicationStream::Connect(As("mortal")); });
  EXPECT_EQ(no_right.kind(), ErrorKind::kDenied);
  EXPECT_THAT(no_right.hints().at(0), testing::HasSubstr("ALTER ROLE"));

  const ReplicationStream one = ReplicationStream::Connect(As("sender"));
  const ReplicationStream two = ReplicationStream::Connect(As("sender"));
  const base::Error full = ErrorOf([] { ReplicationStream::Connect(As("sender")); });
  EXPECT_EQ(full.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(full.hints().at(0), testing::HasSubstr("max_wal_senders"));
}

TEST_F(LiveStream, AsksASilentServerAndGivesUpOnAStoppedOne) {
  cluster_->Run({"ALTER SYSTEM SET wal_sender_timeout = 0", "SELECT pg_reload_conf()"});
  ConnectOptions options = As("sender");
  options.answer_timeout = seconds(1);
  ReplicationStream stream = ReplicationStream::Connect(options);
  stream.Start(stream.Identify().flush_lsn, TimelineId(1));
  // Far more than answer_timeout without WAL: the server answers when asked.
  const auto end = std::chrono::steady_clock::now() + milliseconds(2500);
  while (std::chrono::steady_clock::now() < end) EXPECT_NO_THROW(stream.Receive(milliseconds(100)));

  const pid_t sender = std::stoi(cluster_->Value("SELECT pid FROM pg_stat_replication"));
  ASSERT_EQ(::kill(sender, SIGSTOP), 0);
  ExpectError(ErrorKind::kUnavailable, "nothing came within 1 s",
              [&] { ReceiveUntilFailure(stream); });
  ASSERT_EQ(::kill(sender, SIGCONT), 0);
  cluster_->Run({"ALTER SYSTEM RESET wal_sender_timeout", "SELECT pg_reload_conf()"});
}

TEST_F(LiveStream, KnowsNoHistoryOfTheFirstTimeline) {
  ReplicationStream stream = ReplicationStream::Connect(As("sender"));
  ExpectError(ErrorKind::kNotFound, "no history of timeline 1",
              [&] { stream.TimelineHistory(TimelineId(1)); });
}

TEST_F(LiveStream, KeepsAnOrdinarySlotWhereItIsTold) {
  Connection connection = Connection::Open(As("sender"));
  EXPECT_FALSE(FindSlot(connection, "keep"));
  ExpectError(ErrorKind::kNotFound, "no replication slot keep",
              [&] { AdvanceSlot(connection, "keep", Lsn(1)); });
  CreateSlot(connection, "keep");
  CreateSlot(connection, "keep");
  const SlotInfo before = FindSlot(connection, "keep").value();
  EXPECT_FALSE(before.active);
  EXPECT_FALSE(before.logical);
  EXPECT_EQ(before.wal_status, "reserved");
  cluster_->Run({"INSERT INTO t SELECT repeat('x', 900) FROM generate_series(1, 500)"});
  const Lsn flush = ParseLsn(cluster_->Value("SELECT pg_current_wal_flush_lsn()"));
  AdvanceSlot(connection, "keep", flush);
  EXPECT_EQ(FindSlot(connection, "keep")->restart_lsn, flush);
  AdvanceSlot(connection, "keep", before.restart_lsn.value());
  EXPECT_EQ(FindSlot(connection, "keep")->restart_lsn, flush);
  DropSlot(connection, "keep");
  DropSlot(connection, "keep");
  EXPECT_FALSE(FindSlot(connection, "keep"));
}

TEST_F(LiveStream, TouchesNobodyElsesSlot) {
  Connection connection = cluster_->Open();
  connection.Query("SELECT pg_create_logical_replication_slot('theirs', 'test_decoding')");
  EXPECT_TRUE(FindSlot(connection, "theirs")->logical);
  ExpectError(ErrorKind::kConflict, "logical", [&] { CreateSlot(connection, "theirs"); });
  ExpectError(ErrorKind::kConflict, "logical", [&] { AdvanceSlot(connection, "theirs", Lsn(1)); });
  ExpectError(ErrorKind::kConflict, "logical", [&] { DropSlot(connection, "theirs"); });
  connection.Query("SELECT pg_create_physical_replication_slot('idle', false)");
  ExpectError(ErrorKind::kConflict, "holds no WAL", [&] { CreateSlot(connection, "idle"); });
  DropSlot(connection, "idle");
  connection.Query("SELECT pg_drop_replication_slot('theirs')");
}

TEST(Stream, FollowsATimelineToItsSuccessor) {
  LiveCluster cluster({.settings = {"wal_keep_size = 64MB"}});
  cluster.Run({"CREATE TABLE t (x int)", "INSERT INTO t VALUES (1)"});
  cluster.Stop(LiveCluster::StopMode::kFast);
  cluster.MakeServerFile("data/standby.signal", "");
  cluster.Start();
  ReplicationStream stream = ReplicationStream::Connect(cluster.connect());
  const Lsn begin(16 * base::kMiB);
  stream.Start(begin, TimelineId(1));
  ReceiveKind<WalData>(stream);
  cluster.Run({"SELECT pg_promote()"});
  const auto end = ReceiveKind<TimelineEnd>(stream);
  EXPECT_EQ(end.next_timeline, TimelineId(2));
  EXPECT_GT(end.switch_lsn, begin);
  EXPECT_THAT(stream.TimelineHistory(TimelineId(2)), testing::HasSubstr(FormatLsn(end.switch_lsn)));
  // Nothing is left at the very end of the old timeline: told at once.
  stream.Start(end.switch_lsn, TimelineId(1));
  EXPECT_EQ(ReceiveKind<TimelineEnd>(stream).switch_lsn, end.switch_lsn);
  stream.Start(end.switch_lsn, end.next_timeline);
  EXPECT_EQ(ReceiveKind<WalData>(stream).start, end.switch_lsn);
}

TEST(Stream, TellsOfAServerThatStopsOrIsKilled) {
  LiveCluster cluster;
  for (const auto mode : {LiveCluster::StopMode::kFast, LiveCluster::StopMode::kImmediate}) {
    ReplicationStream stream = ReplicationStream::Connect(cluster.connect());
    const Lsn flush = stream.Identify().flush_lsn;
    stream.Start(flush, TimelineId(1));
    // A stopping server waits until a receiver has confirmed everything, so the stop is not waited
    // for.
    cluster.RequestStop(mode);
    ExpectError(ErrorKind::kUnavailable, "", [&] {
      const auto deadline = std::chrono::steady_clock::now() + kPatience;
      Lsn received = flush;
      while (std::chrono::steady_clock::now() < deadline) {
        const StreamEvent event = stream.Receive(milliseconds(200));
        if (const auto* data = std::get_if<WalData>(&event)) {
          received = data->start + data->bytes.size();
        }
        stream.SendStatus({.written = received, .flushed = received}, kNow);
      }
    });
    if (mode == LiveCluster::StopMode::kFast) {
      cluster.AwaitStop();
      cluster.Start();
    }
  }
}

TEST(StreamMessage, IsTakenStrictly) {
  const base::Bytes wal = base::FromHex(
      "77"
      "0000000016b37400"
      "0000000016b37500"
      "0000000000000000"
      "aabb");
  const auto data = std::get<WalData>(ParseStreamMessage(wal));
  EXPECT_EQ(data.start, Lsn(0x16b37400));
  EXPECT_EQ(data.server_end, Lsn(0x16b37500));
  EXPECT_EQ(data.bytes, (base::Bytes{0xAA, 0xBB}));
  const base::Bytes alive = base::FromHex(
      "6b"
      "0000000016b37400"
      "0000000000000000"
      "01");
  EXPECT_TRUE(std::get<KeepAliveMessage>(ParseStreamMessage(alive)).reply_requested);
  for (const std::string_view bad :
       {"", "77", "6b", "7a00", "6b000000000000000000000000000000000100"}) {
    ExpectError(ErrorKind::kCorrupt, "stream",
                [&] { static_cast<void>(ParseStreamMessage(base::FromHex(bad))); });
  }
}

TEST(StreamMessage, StatusHasThePositionsAndTheServersClock) {
  const base::Time time = base::Time(seconds(946'684'800 + 1));
  EXPECT_EQ(base::ToHex(FormatStatusUpdate(
                {.written = Lsn(0x20), .flushed = Lsn(0x10), .now = time, .request_reply = true})),
            "72"
            "0000000000000020"
            "0000000000000010"
            "0000000000000000"
            "00000000000f4240"
            "01");
}

}  // namespace
}  // namespace holdfast::pg
