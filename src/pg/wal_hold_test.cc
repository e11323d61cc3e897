#include "pg/wal_hold.h"

#include <gtest/gtest.h>

#include "pg/cluster_reader.h"
#include "pg/testing/expect_error.h"
#include "pg/testing/live_cluster.h"

namespace holdfast::pg {
namespace {

using base::ErrorKind;

class LiveHold : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new LiveCluster(
        {.settings = {"max_replication_slots = 1"}, .initdb_arguments = {"--wal-segsize=1"}});
    cluster_->Run({"CREATE ROLE mortal LOGIN"});
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  static Lsn KeptFrom() {
    return ParseLsn(cluster_->Value("SELECT restart_lsn FROM pg_replication_slots WHERE active"));
  }
  // The server notices the end of a session by itself, a little later.
  static void ExpectNoSlotSoon() {
    const std::string count = "SELECT count(*) FROM pg_replication_slots";
    for (int i = 0; i < 1000 && cluster_->Value(count) != "0"; ++i) {
    }
    EXPECT_EQ(cluster_->Value(count), "0");
  }
  static BackupSession StartBackup(const std::string& slot) {
    return BackupSession::Start({.connect = cluster_->connect(), .label = "held", .slot = slot});
  }
  static LiveCluster* cluster_;
};
LiveCluster* LiveHold::cluster_ = nullptr;

TEST_F(LiveHold, KeepsTheWalOfABackupUntilItsEnd) {
  {
    WalHold hold = WalHold::Open(cluster_->connect());
    EXPECT_TRUE(hold.holds());
    BackupSession session = StartBackup(hold.slot());
    EXPECT_EQ(session.proof().slot, hold.slot());
    hold.Prove(session.proof());
    OpenLocalReader(cluster_->data_directory(), session);
    EXPECT_LE(KeptFrom(), session.start().lsn);
    const BackupStop stop = session.Stop();
    EXPECT_LE(KeptFrom(), session.start().lsn);
    EXPECT_GE(hold.FlushPosition(), stop.lsn);
  }
  ExpectNoSlotSoon();
}

TEST_F(LiveHold, LetsGoOfWhatIsNotNeededAnyMore) {
  {
    WalHold hold = WalHold::Open(cluster_->connect());
    const Lsn before = KeptFrom();
    cluster_->Run({"SELECT pg_switch_wal()", "CREATE TABLE a ()", "SELECT pg_switch_wal()"});
    const Lsn end = hold.FlushPosition();
    EXPECT_GT(end, before);
    hold.LetGo(end);
    EXPECT_EQ(KeptFrom(), end);
    hold.LetGo(before);  // never backward
    EXPECT_EQ(KeptFrom(), end);
  }
  ExpectNoSlotSoon();
}

TEST_F(LiveHold, DoesWithoutASlotWhereNoneIsFree) {
  Connection connection = cluster_->Open();
  connection.Query("SELECT pg_create_physical_replication_slot('taken')");
  {
    WalHold hold = WalHold::Open(cluster_->connect());
    EXPECT_FALSE(hold.holds());
    EXPECT_EQ(hold.slot(), "");
    hold.LetGo(hold.FlushPosition());
    BackupSession session = StartBackup(hold.slot());
    hold.Prove(session.proof());
    session.Stop();
  }
  connection.Query("SELECT pg_drop_replication_slot('taken')");
}

TEST_F(LiveHold, DoesWithoutASlotThatTheRoleMayNotMake) {
  ConnectOptions connect = cluster_->connect();
  connect.conninfo += " user=mortal";
  WalHold hold = WalHold::Open(connect);
  EXPECT_FALSE(hold.holds());
  EXPECT_TRUE(hold.FlushPosition().IsValid());
}

// What a passed max_slot_wal_keep_size does.
TEST_F(LiveHold, LosesItsConnectionAloneWhenTheServerTakesTheSlot) {
  WalHold hold = WalHold::Open(cluster_->connect());
  BackupSession session = StartBackup(hold.slot());
  cluster_->Run({"ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'",
                 "ALTER SYSTEM SET wal_keep_size = 0", "SELECT pg_reload_conf()"});
  for (int i = 0; i < 6; ++i) {
    cluster_->Run(
        {"CREATE TABLE filler AS SELECT 1", "DROP TABLE filler", "SELECT pg_switch_wal()"});
  }
  cluster_->Run({"CHECKPOINT"});
  ExpectError(ErrorKind::kUnavailable, "", [&] { static_cast<void>(hold.FlushPosition()); });
  session.KeepAlive();
  EXPECT_GT(session.Stop().lsn, session.start().lsn);
  WalHold again = WalHold::Open(cluster_->connect());
  again.Prove(session.proof());
  EXPECT_TRUE(again.holds());
  cluster_->Run({"ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()"});
}

}  // namespace
}  // namespace holdfast::pg
