// The receiver against a real server.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <set>
#include <thread>

#include "pg/cluster_reader.h"
#include "pg/testing/live_cluster.h"
#include "pg/wal_hold.h"
#include "pg/wal_reader.h"
#include "storage/open.h"
#include "storage/testing/temporary_directory.h"
#include "wal/capture.h"
#include "wal/coverage.h"
#include "wal/spool.h"
#include "wal/testing/running_stream.h"
#include "wal/testing/wal_fixture.h"
#include "wal/times.h"

namespace holdfast::wal {
namespace {

constexpr pg::TimelineId kFirst{1};
constexpr pg::TimelineId kSecond{2};

pg::LiveClusterOptions ServerWith(std::vector<std::string> settings, bool replication = true) {
  std::vector<std::string> hba{"local all all trust"};
  if (replication) hba.emplace_back("local replication all trust");
  settings.insert(settings.end(), {"max_wal_senders = 4", "wal_level = replica", "fsync = on",
                                   "wal_keep_size = 200MB"});
  return {.settings = std::move(settings),
          .hba = std::move(hba),
          .initdb_arguments = {"--wal-segsize=1"}};
}

class LiveStreamTest : public testing::Test, public ArchiveFixture {
 protected:
  void StartServer(const pg::LiveClusterOptions& options) {
    cluster_ = std::make_unique<pg::LiveCluster>(options);
    cluster_->Run({"CREATE TABLE t (x text)"});
    system_ = pg::SystemIdentifier(
        std::stoull(cluster_->Value("SELECT system_identifier FROM pg_control_system()")));
    server_ = OpenPostgresServer(Options(), clock_);
  }
  StreamOptions Options() {
    StreamOptions options;
    options.connect = cluster_->connect();
    options.slot_name = "holdfast_shop";
    options.spool_directory = directory_.path() / "spool";
    options.tail_interval = std::chrono::milliseconds(50);
    options.poll_interval = std::chrono::milliseconds(50);
    return options;
  }
  void Load(int rows) {
    cluster_->Run(
        {fmt::format("INSERT INTO t SELECT repeat(md5(g::text), 30) "
                     "FROM generate_series(1, {}) g",
                     rows)});
  }
  pg::Lsn Flush() { return pg::ParseLsn(cluster_->Value("SELECT pg_current_wal_flush_lsn()")); }

  // Every segment that the server has and the archive too is the same; returns how many.
  int CompareWithServer() {
    int compared = 0;
    for (const auto& file :
         std::filesystem::directory_iterator(cluster_->data_directory() / "pg_wal")) {
      const std::string name = file.path().filename().native();
      if (pg::WalFileKindOf(name) != pg::WalFileKind::kSegment) continue;
      const std::optional<base::Bytes> archived = archive.Get(system_, name);
      if (!archived) continue;
      EXPECT_EQ(*archived, base::ReadFile(file.path())) << name;
      ++compared;
    }
    return compared;
  }

  storage::TemporaryDirectory directory_;
  base::SystemClock clock_;
  std::unique_ptr<pg::LiveCluster> cluster_;
  std::unique_ptr<WalServer> server_;
  pg::SystemIdentifier system_;
};

TEST_F(LiveStreamTest, ArchivesByReplicationWhatTheServerWrites) {
  StartServer(ServerWith({}));
  for (int round = 0; round < 3; ++round) {
    RunningStream stream(*server_, archive, Options());
    Load(3000);
    ASSERT_TRUE(stream.AwaitStored(Flush())) << stream.state().problem;
    EXPECT_EQ(stream.state().method, StreamMethod::kReplication);
    EXPECT_EQ(stream.state().problem, "");
    EXPECT_FALSE(stream.Stop());
    Load(500);
  }
  EXPECT_GT(CompareWithServer(), 5);
  const Inventory inventory = archive.Take(system_);
  ASSERT_EQ(inventory.ranges.size(), 1U);

  // The archive tells when things happened.
  cluster_->Run({"SELECT pg_create_restore_point('before the deploy')"});
  Load(1);
  StreamOptions options = Options();
  options.stop_at = Flush();
  RunningStream last(*server_, archive, options);
  ASSERT_TRUE(last.AwaitEnd());
  EXPECT_FALSE(last.Stop());
  const WalRange range = archive.Take(system_).ranges.at(0);
  const Lineage lineage = pg::TimelineHistory().Spans();
  const auto commit = LastCommit(archive, system_, lineage, range.start, range.end, kSmallBytes);
  ASSERT_TRUE(commit);
  EXPECT_GT(commit->time, clock_.Now() - std::chrono::minutes(5));
  EXPECT_LE(commit->end, range.end);
  std::optional<pg::RestorePoint> point;
  ScanRecords(archive, system_, lineage, range.start, range.end, kSmallBytes,
              [&](const pg::WalRecord& record) {
                point = pg::ReadRestorePoint(record);
                return !point;
              });
  ASSERT_TRUE(point);
  EXPECT_EQ(point->name, "before the deploy");
}

TEST_F(LiveStreamTest, ReadsThroughSqlWhereReplicationIsRefusedAndFollowsAPromotion) {
  StartServer(ServerWith({}, /*replication=*/false));
  RunningStream stream(*server_, archive, Options());
  Load(3000);
  ASSERT_TRUE(stream.AwaitStored(Flush())) << stream.state().problem;
  EXPECT_EQ(stream.state().method, StreamMethod::kSql);
  cluster_->Stop(pg::LiveCluster::StopMode::kFast);
  cluster_->MakeServerFile("data/standby.signal", "");
  cluster_->Start();
  cluster_->Run({"SELECT pg_promote()"});
  Load(2000);
  ASSERT_TRUE(stream.Await([](const StreamState& state) { return state.timeline == kSecond; }))
      << stream.state().problem;
  const pg::Lsn flush = Flush();
  ASSERT_TRUE(stream.AwaitStored(flush)) << stream.state().problem;
  EXPECT_FALSE(stream.Stop());
  EXPECT_GT(CompareWithServer(), 3);
  const auto history = archive.History(system_, kSecond);
  ASSERT_TRUE(history);
  const Inventory inventory = archive.Take(system_);
  const Reach reach = FollowWal(inventory, history->Spans(), inventory.ranges.at(0).start);
  EXPECT_GE(reach.end, flush);
  EXPECT_EQ(reach.end_timeline, kSecond);
}

TEST_F(LiveStreamTest, FollowsAPromotionByReplication) {
  StartServer(ServerWith({}));
  RunningStream stream(*server_, archive, Options());
  Load(1000);
  ASSERT_TRUE(stream.AwaitStored(Flush())) << stream.state().problem;
  cluster_->Stop(pg::LiveCluster::StopMode::kFast);
  cluster_->MakeServerFile("data/standby.signal", "");
  cluster_->Start();
  ASSERT_TRUE(stream.Await([](const StreamState& state) { return state.problem.empty(); }));
  cluster_->Run({"SELECT pg_promote()"});
  Load(1000);
  ASSERT_TRUE(stream.Await([](const StreamState& state) { return state.timeline == kSecond; }))
      << stream.state().problem;
  const pg::Lsn flush = Flush();
  ASSERT_TRUE(stream.AwaitStored(flush)) << stream.state().problem;
  EXPECT_FALSE(stream.Stop());
  EXPECT_EQ(archive.RecordedTimeline(system_), kSecond);
  const Inventory inventory = archive.Take(system_);
  EXPECT_GE(
      FollowWal(inventory, archive.History(system_, kSecond)->Spans(), inventory.ranges.at(0).start)
          .end,
      flush);
}

TEST_F(LiveStreamTest, FindsThatTheServerWasRolledBack) {
  StartServer(ServerWith({}));
  cluster_->Stop(pg::LiveCluster::StopMode::kFast);
  const base::Path data = cluster_->data_directory();
  const base::Path copy = data.parent_path() / "copy";
  ASSERT_EQ(std::system(fmt::format("cp -a {} {}", data.native(), copy.native()).c_str()), 0);
  cluster_->Start();
  {
    RunningStream stream(*server_, archive, Options());
    Load(200);
    ASSERT_TRUE(stream.AwaitStored(Flush())) << stream.state().problem;
  }
  cluster_->Stop(pg::LiveCluster::StopMode::kFast);
  ASSERT_EQ(
      std::system(fmt::format("rm -rf {0} && mv {1} {0}", data.native(), copy.native()).c_str()),
      0);
  cluster_->Start();
  Load(700);  // past the old position
  RunningStream stream(*server_, archive, Options());
  ASSERT_TRUE(stream.AwaitEnd()) << stream.state().problem;
  const auto error = stream.Stop();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), base::ErrorKind::kConflict);
  EXPECT_THAT(error->message(), testing::HasSubstr("rolled back"));
}

TEST_F(LiveStreamTest, ShowsTheGapOfALostSlot) {
  pg::LiveClusterOptions options =
      ServerWith({"max_slot_wal_keep_size = 1MB", "min_wal_size = 2MB", "max_wal_size = 2MB"});
  std::erase(options.settings, "wal_keep_size = 200MB");
  StartServer(options);
  {
    RunningStream stream(*server_, archive, Options());
    ASSERT_TRUE(stream.AwaitStored(Flush())) << stream.state().problem;
  }
  for (int i = 0; i < 4; ++i) {
    Load(3000);
    cluster_->Run({"CHECKPOINT"});
  }
  ASSERT_EQ(cluster_->Value("SELECT wal_status FROM pg_replication_slots"), "lost");
  RunningStream stream(*server_, archive, Options());
  const pg::Lsn flush = Flush();
  ASSERT_TRUE(stream.AwaitProblem("recovery cannot pass this gap")) << stream.state().problem;
  ASSERT_TRUE(stream.AwaitStored(flush)) << stream.state().problem;
  EXPECT_FALSE(stream.Stop());
  EXPECT_EQ(archive.Take(system_).ranges.size(), 2U);
}

// The cluster as a capture sees it, from its data directory.
class LocalCaptureServer final : public CaptureServer {
 public:
  explicit LocalCaptureServer(const pg::LiveCluster& cluster)
      : hold_(pg::WalHold::Open(cluster.connect())),
        directory_(pg::OpenLocalWalDirectory(cluster.data_directory())) {}
  pg::Lsn FlushPosition() override { return hold_.FlushPosition(); }
  std::optional<std::size_t> ReadAt(std::string_view name, std::uint64_t offset,
                                    base::MutableByteView out) override {
    return directory_->ReadAt(name, offset, out);
  }
  bool HoldsWal() const override { return hold_.holds(); }
  void LetGo(pg::Lsn before) override { hold_.LetGo(before); }

 private:
  pg::WalHold hold_;
  std::unique_ptr<pg::WalDirectory> directory_;
};

TEST_F(LiveStreamTest, CapturesABackupsOwnWal) {
  StartServer(ServerWith({}));
  LocalCaptureServer server(*cluster_);
  base::NullReporter report;
  pg::Connection connection = cluster_->Open();
  const pg::Lsn start = pg::ParseLsn(connection.QueryValue("SELECT pg_backup_start('test', true)"));
  Load(3000);
  const pg::Lsn stop = pg::ParseLsn(connection.QueryValue("SELECT lsn FROM pg_backup_stop(false)"));
  const CaptureOptions options{.system = system_,
                               .timeline = kFirst,
                               .start = start,
                               .segment_size = kSmallBytes,
                               .patience = {}};
  const Captured captured = Capture(archive, server, options, clock_, report).Finish(stop, {});
  EXPECT_EQ(captured.by_us,
            NeededSegments(pg::TimelineHistory().Spans(), start, stop, kSmallBytes));
  Load(100);
  EXPECT_EQ(CompareWithServer(), static_cast<int>(captured.by_us.size()));
  EXPECT_GE(FollowWal(archive.Take(system_), pg::TimelineHistory().Spans(), start).end, stop);
  const Captured again = Capture(archive, server, options, clock_, report).Finish(stop, {});
  EXPECT_EQ(again.by_others, captured.by_us);
  CaptureOptions gone = options;
  gone.start = pg::Lsn(0);
  EXPECT_THROW((void)Capture(archive, server, gone, clock_, report).Finish(stop, {}), base::Error);
}

// --- kill -9 of receiver and server, with a synchronous standby ---

// Inserts until the server is gone; the transactions whose commit was acknowledged.
std::set<pg::TransactionId> InsertUntilFailure(const pg::LiveCluster& cluster) {
  std::set<pg::TransactionId> acknowledged;
  try {
    pg::Connection connection = cluster.Open();
    while (true) {
      const std::string xid = connection.QueryValue(
          "INSERT INTO public.t VALUES ('x') RETURNING pg_current_xact_id()::xid");
      acknowledged.insert(static_cast<pg::TransactionId>(std::stoul(xid)));
    }
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kUnavailable) << error.message();
  }
  return acknowledged;
}

// Transactions that commit in the WAL that archive and spool hold together.
std::set<pg::TransactionId> CommittedIn(Archive& archive, pg::SystemIdentifier system,
                                        const Spool& spool) {
  std::map<pg::Lsn, base::Bytes> segments;
  const Inventory inventory = archive.Take(system);
  for (const WalRange& range : inventory.ranges) {
    for (pg::Lsn at = range.start; at < range.end; at = at + kSmallBytes) {
      const auto name = pg::FormatSegmentName(kFirst, pg::SegmentOfByteAt(at, kSmall), kSmall);
      auto whole = archive.Get(system, name);
      segments[at] = whole ? std::move(*whole)
                           : archive.GetOpenSegment(system, kFirst, at, kSmallBytes)->bytes;
    }
  }
  for (const SpooledSegment& segment : spool.Segments()) {
    base::Bytes bytes = spool.Read(segment);
    base::Bytes& known = segments[segment.start];
    if (known.size() < kSmallBytes || base::AllZero(base::ByteView(known).subspan(bytes.size()))) {
      known = std::move(bytes);
    }
  }
  std::set<pg::TransactionId> committed;
  pg::WalReader reader({.version = pg::MajorVersion::FromNumber(15),
                        .segment_size = kSmall,
                        .start = segments.begin()->first});
  for (const auto& [start, bytes] : segments) {
    if (reader.fed_to() != start) break;
    reader.Feed(bytes);
    while (const pg::WalRecord* record = reader.Next()) {
      if (pg::CommitTime(*record)) committed.insert(record->header.xid);
    }
  }
  return committed;
}

TEST_F(LiveStreamTest, LosesNoAcknowledgedCommitWhenReceiverAndServerAreKilled) {
  StartServer(ServerWith({}));
  const base::Path store = directory_.path() / "store";
  base::MakeDirectories(store);
  std::set<pg::TransactionId> acknowledged;
  std::mt19937 random(11);
  const auto open_storage = [&] {
    return std::shared_ptr<storage::Storage>(
        storage::OpenStorage(store.native(), {.create = true}));
  };
  repo::Repository shared = repo::Repository::Create(
      open_storage(), clock_, repo::Passphrase{"test"},
      {.key_label = "test", .password_cost = {.operations = 1, .memory_bytes = 8192}});
  Archive on_disk(shared, "shop");

  for (int round = 0; round < 2; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      base::NullReporter silent;
      try {
        Stream(on_disk, Options(), clock_, silent, {}, {});
      } catch (...) {
      }
      ::_exit(1);
    }
    while (cluster_->Value("SELECT count(*) FROM pg_stat_replication "
                           "WHERE application_name = 'holdfast'") == "0") {
      ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "the receiver ended";
      (void)clock_.Sleep(std::chrono::milliseconds(50), {});
    }
    cluster_->Run(
        {"ALTER SYSTEM SET synchronous_standby_names = 'holdfast'", "SELECT pg_reload_conf()"});
    std::set<pg::TransactionId> inserted;
    std::thread inserter([&] { inserted = InsertUntilFailure(*cluster_); });
    (void)clock_.Sleep(std::chrono::milliseconds(300 + random() % 900), {});
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    cluster_->Stop(pg::LiveCluster::StopMode::kImmediate);
    inserter.join();
    EXPECT_FALSE(inserted.empty());
    acknowledged.merge(inserted);

    const Spool spool = Spool::Open(Options().spool_directory);
    const std::set<pg::TransactionId> committed = CommittedIn(on_disk, system_, spool);
    EXPECT_TRUE(std::ranges::includes(committed, acknowledged));
    cluster_->Start();
    cluster_->Run({"ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"});
  }
}

}  // namespace
}  // namespace holdfast::wal
