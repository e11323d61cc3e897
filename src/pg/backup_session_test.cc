#include "pg/backup_session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <thread>

#include "pg/backup_label.h"
#include "pg/cluster_reader.h"
#include "pg/testing/expect_error.h"
#include "pg/testing/live_cluster.h"
#include "pg/wal_hold.h"

namespace holdfast::pg {
namespace {

using base::ErrorKind;

class LiveSession : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new LiveCluster();
    cluster_->Run({"CREATE DATABASE other", "CREATE ROLE mortal LOGIN"});
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  static BackupSessionOptions Options() {
    BackupSessionOptions options;
    options.connect = cluster_->connect();
    options.label = "a label";
    return options;
  }
  static LiveCluster* cluster_;
};
LiveCluster* LiveSession::cluster_ = nullptr;

TEST_F(LiveSession, StartsAndStopsABackup) {
  BackupSession session = BackupSession::Start(Options());
  EXPECT_TRUE(session.start().lsn.IsValid());
  EXPECT_EQ(session.start().timeline, TimelineId(1));
  session.KeepAlive();
  const BackupStop stop = session.Stop();
  EXPECT_GT(stop.lsn, session.start().lsn);
  EXPECT_GE(stop.time, session.start().time);
  EXPECT_LT(stop.time - session.start().time, std::chrono::minutes(5));
  EXPECT_EQ(stop.timeline, TimelineId(1));
  const BackupLabel label = ParseBackupLabel(stop.backup_label);
  EXPECT_EQ(label.label, "a label");
  EXPECT_EQ(label.start, session.start().lsn);
  EXPECT_EQ(stop.tablespace_map, "");
  ExpectError(ErrorKind::kInternal, "twice", [&] { session.Stop(); });
}

// The WAL that made it lies before the backup's: only the files themselves bring it.
TEST(Session, KnowsATablespaceThatIsMadeWhileTheCheckpointIsWritten) {
  LiveCluster cluster({.settings = {"checkpoint_timeout = 1h"}});
  cluster.Run(
      {"CREATE TABLE dirty AS SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i"});
  BackupSessionOptions options;
  options.connect = cluster.connect();
  options.label = "slow";
  options.fast_checkpoint = false;
  std::optional<BackupSession> session;
  std::thread starting([&] { session.emplace(BackupSession::Start(options)); });
  const std::string active =
      "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE "
      "'%pg_backup_start%' AND state = 'active'";
  while (cluster.Value(active) == "0") std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::string folder = cluster.MakeFolder("late").string();
  cluster.Run({"CREATE TABLESPACE late LOCATION '" + folder + "'"});
  const bool was_in_time = cluster.Value(active) == "1";
  cluster.Run({"CHECKPOINT"});
  starting.join();
  EXPECT_TRUE(was_in_time);
  ASSERT_EQ(session->facts().tablespaces.size(), 1U);
  EXPECT_EQ(session->facts().tablespaces[0].name, "late");
}

TEST_F(LiveSession, ProvesThePostmasterToOtherConnections) {
  BackupSession session = BackupSession::Start(Options());
  Connection same = cluster_->Open();
  ProveSamePostmaster(same, session.proof());
  ConnectOptions elsewhere = cluster_->connect();
  elsewhere.database = "other";
  Connection other_database = Connection::Open(elsewhere);
  ProveSamePostmaster(other_database, session.proof());

  PostmasterProof wrong = session.proof();
  ++wrong.key2;
  ExpectError(ErrorKind::kConflict, "not the server", [&] { ProveSamePostmaster(same, wrong); });
  wrong = session.proof();
  wrong.postmaster_start = "2001-01-01 00:00:00+00";
  ExpectError(ErrorKind::kConflict, "not the server", [&] { ProveSamePostmaster(same, wrong); });
  wrong = session.proof();
  ++wrong.backend_pid;
  ExpectError(ErrorKind::kConflict, "not the server", [&] { ProveSamePostmaster(same, wrong); });
}

TEST_F(LiveSession, NamesAMissingRight) {
  BackupSessionOptions options = Options();
  options.connect.conninfo += " user=mortal";
  const base::Error error = ErrorOf([&] { BackupSession::Start(options); });
  EXPECT_EQ(error.kind(), ErrorKind::kDenied);
  EXPECT_THAT(error.hints().back(), testing::HasSubstr("grant"));
}

TEST_F(LiveSession, KnowsTheFactsOfTheCluster) {
  Connection connection = cluster_->Open();
  const ClusterFacts facts = ReadClusterFacts(connection);
  EXPECT_EQ(facts.data_directory, cluster_->data_directory().native());
  EXPECT_EQ(facts.port, cluster_->port());
  EXPECT_EQ(facts.wal_segment_size, 16U << 20);
  EXPECT_EQ(facts.wal_level, "replica");
  EXPECT_EQ(facts.archive_mode, "off");
  EXPECT_FALSE(facts.fsync_on);
  EXPECT_TRUE(facts.full_page_writes);
  EXPECT_FALSE(facts.in_recovery);
  EXPECT_TRUE(facts.outside_files.empty());
  EXPECT_TRUE(facts.tablespaces.empty());
}

TEST(Session, FailsWhenItsServerIsKilled) {
  LiveCluster cluster;
  const WalHold hold = WalHold::Open(cluster.connect());
  BackupSession session =
      BackupSession::Start({.connect = cluster.connect(), .label = "doomed", .slot = hold.slot()});
  cluster.Stop(LiveCluster::StopMode::kImmediate);
  cluster.Start();
  ExpectError(ErrorKind::kUnavailable, "", [&] { session.KeepAlive(); });
  ExpectError(ErrorKind::kUnavailable, "failed before", [&] { session.Stop(); });
  Connection connection = cluster.Open();
  ExpectError(ErrorKind::kConflict, "not the server",
              [&] { ProveSamePostmaster(connection, session.proof()); });
  ExpectError(ErrorKind::kConflict, "not the data directory",
              [&] { OpenLocalReader(cluster.data_directory(), session); });
}

TEST(Session, RefusesMinimalWal) {
  LiveCluster cluster({.settings = {"wal_level = minimal", "max_wal_senders = 0"}});
  const auto start = [&] { BackupSession::Start({.connect = cluster.connect(), .label = "x"}); };
  ExpectError(ErrorKind::kConflict, "wal_level = minimal", start);
}

TEST(Session, OfAStandbyNoticesItsPromotion) {
  LiveCluster cluster;
  cluster.Run({"CHECKPOINT"});
  cluster.Stop(LiveCluster::StopMode::kFast);
  cluster.MakeServerFile("data/standby.signal", "");
  cluster.Start();
  const auto start = [&] {
    return BackupSession::Start({.connect = cluster.connect(), .label = "x"});
  };
  BackupSession whole = start();
  EXPECT_TRUE(whole.facts().in_recovery);
  const BackupStop stop = whole.Stop();
  EXPECT_EQ(stop.timeline, whole.start().timeline);
  EXPECT_GE(stop.lsn, whole.start().lsn);
  EXPECT_EQ(ParseBackupLabel(stop.backup_label).origin, BackupOrigin::kStandby);
  BackupSession interrupted = start();
  cluster.Run({"SELECT pg_promote()"});
  ExpectError(ErrorKind::kConflict, "was promoted during the backup",
              [&] { interrupted.KeepAlive(); });
  ExpectError(ErrorKind::kConflict, "was promoted during the backup",
              [&] { static_cast<void>(interrupted.Stop()); });
}

}  // namespace
}  // namespace holdfast::pg
