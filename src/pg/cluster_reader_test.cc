#include "pg/cluster_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "pg/cluster_files.h"
#include "pg/control_file.h"
#include "pg/local_cluster.h"
#include "pg/replication.h"
#include "pg/testing/expect_error.h"
#include "pg/testing/live_cluster.h"
#include "pg/version.h"
#include "pg/wal_hold.h"

namespace holdfast::pg {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

using Type = ClusterEntry::Type;

std::map<std::string, ClusterEntry> ByPath(std::vector<ClusterEntry> entries) {
  EXPECT_TRUE(std::ranges::is_sorted(entries, {}, &ClusterEntry::path));
  std::map<std::string, ClusterEntry> result;
  for (ClusterEntry& entry : entries) {
    const std::string path = entry.path;
    EXPECT_TRUE(result.emplace(path, std::move(entry)).second) << path << " is listed twice";
  }
  return result;
}

base::Bytes ReadAll(FileReader& reader, const std::string& path, std::size_t at_once) {
  base::Bytes content;
  base::Bytes buffer(at_once);
  while (true) {
    const auto size = reader.ReadAt(path, content.size(), buffer);
    if (!size) throw std::runtime_error(path + " is gone");
    content.insert(content.end(), buffer.begin(), buffer.begin() + static_cast<int>(*size));
    if (*size < buffer.size()) return content;
  }
}

// A cluster with everything that a listing can meet.
class LiveReader : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new LiveCluster({.settings = {"autovacuum = off"}});
    LiveCluster& cluster = *cluster_;
    const std::string outside = cluster.MakeFolder("space");
    const std::string inside = cluster.MakeFolder("data/space_inside");
    cluster.Run({fmt::format("CREATE TABLESPACE outside LOCATION '{}'", outside),
                 fmt::format("CREATE TABLESPACE inside LOCATION '{}'", inside),
                 "SET allow_in_place_tablespaces = on", "CREATE TABLESPACE in_place LOCATION ''",
                 "CREATE TABLE t1 TABLESPACE outside AS SELECT generate_series(1, 100000) n",
                 "CREATE TABLE t2 TABLESPACE inside AS SELECT 1 n",
                 "CREATE TABLE t3 TABLESPACE in_place AS SELECT 1 n",
                 "CREATE UNLOGGED TABLE unlogged AS SELECT 1 n", "CREATE ROLE holdfast LOGIN",
                 "CHECKPOINT"});
    // Another major version in the same location, and things that are no server's.
    cluster.MakeFolder("space/PG_14_202107181/5");
    cluster.MakeServerFile("space/PG_14_202107181/5/1259", "old");
    cluster.MakeServerFile("data/base/1/t3_16384", "temporary");
    cluster.MakeServerFile("data/current_logfiles.tmp", "x");
    cluster.MakeServerFile("data/it's a \"name\"\\", "quoted");
    fs::create_symlink("/nowhere/postgresql.log", cluster.data_directory() / "log");
    for (const char* const name : {"7", "012", "99999999999", "stray"})
      fs::create_directory_symlink("/tmp", cluster.data_directory() / "pg_tblspc" / name);
    ::mkfifo((cluster.data_directory() / "pipe").c_str(), 0600);
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  static BackupSession StartSession(const ConnectOptions& connect) {
    return BackupSession::Start({.connect = connect, .label = "test"});
  }
  static std::string PathOf(const std::string& table) {
    return cluster_->Value(fmt::format("SELECT pg_relation_filepath('{}')", table));
  }
  static LiveCluster* cluster_;
};
LiveCluster* LiveReader::cluster_ = nullptr;

void ExpectWholeListing(const std::map<std::string, ClusterEntry>& entries,
                        const LiveCluster& cluster) {
  const auto has = [&](const std::string& path, Type type) {
    const auto found = entries.find(path);
    EXPECT_TRUE(found != entries.end()) << path;
    if (found != entries.end()) {
      EXPECT_EQ(found->second.type, type) << path;
    }
  };
  const auto has_not = [&](const std::string& path) {
    EXPECT_FALSE(entries.contains(path)) << path;
  };
  has("PG_VERSION", Type::kFile);
  has("global/pg_control", Type::kFile);
  has("base/1", Type::kDirectory);
  has("pg_wal", Type::kDirectory);
  has("pg_wal/archive_status", Type::kDirectory);
  has("pg_replslot", Type::kDirectory);
  has("it's a \"name\"\\", Type::kFile);
  has("space_inside", Type::kDirectory);
  has_not("base/1/t3_16384");
  has_not("current_logfiles.tmp");
  has_not("postmaster.pid");
  for (const char* const name : {"7", "012", "99999999999", "stray"})
    has_not(std::string("pg_tblspc/") + name);
  for (const auto& [path, entry] : entries) {
    EXPECT_FALSE(path.starts_with("pg_wal/0")) << path;
    EXPECT_FALSE(path.starts_with("pg_replslot/")) << path;
    EXPECT_FALSE(path.starts_with("space_inside/")) << path;
    EXPECT_THAT(path, Not(HasSubstr("PG_14_")));
  }
  for (const char* const table : {"t1", "t2", "t3"}) {
    has(cluster.Value(fmt::format("SELECT pg_relation_filepath('{}')", table)), Type::kFile);
  }
  const std::string unlogged = cluster.Value("SELECT pg_relation_filepath('unlogged')");
  has_not(unlogged);
  has(unlogged + "_init", Type::kFile);
  for (const char* const name : {"outside", "inside"}) {
    const std::string oid =
        cluster.Value(fmt::format("SELECT oid FROM pg_tablespace WHERE spcname = '{}'", name));
    has("pg_tblspc/" + oid, Type::kSymlink);
  }
  const std::string in_place =
      cluster.Value("SELECT oid FROM pg_tablespace WHERE spcname = 'in_place'");
  has("pg_tblspc/" + in_place, Type::kDirectory);
}

TEST_F(LiveReader, ListsAndReadsTheSameBothWays) {
  BackupSession session = StartSession(cluster_->connect());
  const auto local = OpenLocalReader(cluster_->data_directory(), session);
  const auto sql = OpenSqlReader(cluster_->connect_tcp(), session);
  EXPECT_EQ(local->method(), "local");
  EXPECT_EQ(sql->method(), "sql");
  auto local_entries = ByPath(local->List());
  auto sql_entries = ByPath(sql->List());
  ExpectWholeListing(local_entries, *cluster_);
  ExpectWholeListing(sql_entries, *cluster_);

  // What only one way can see: links, and what has no content.
  EXPECT_EQ(local_entries.at("log").link_target, "/nowhere/postgresql.log");
  EXPECT_FALSE(local_entries.contains("pipe"));
  local_entries.erase("log");
  sql_entries.erase("pipe");
  const auto local_reader = local->NewReader();
  const auto sql_reader = sql->NewReader();
  ASSERT_EQ(local_entries.size(), sql_entries.size());
  for (const auto& [path, entry] : local_entries) {
    ASSERT_TRUE(sql_entries.contains(path)) << path;
    const ClusterEntry& other = sql_entries.at(path);
    EXPECT_EQ(entry.type, other.type) << path;
    EXPECT_EQ(entry.link_target, other.link_target) << path;
    if (entry.type != Type::kFile) continue;
    EXPECT_EQ(entry.size, other.size) << path;
    EXPECT_EQ(entry.mode & 0700U, 0600U) << path;
    EXPECT_NE(entry.uid, 0U) << path;
    EXPECT_LT(entry.modified - other.modified, std::chrono::seconds(1)) << path;
    EXPECT_LT(other.modified - entry.modified, std::chrono::seconds(1)) << path;
    EXPECT_EQ(ReadAll(*local_reader, path, 3 * 8192), ReadAll(*sql_reader, path, 5 * 512 * 1024))
        << path;
  }
}

TEST_F(LiveReader, ReadsWhereItIsAskedTo) {
  BackupSession session = StartSession(cluster_->connect());
  const std::string path = PathOf("t1");
  const base::Bytes whole = base::ReadFile(cluster_->data_directory() / path);
  ASSERT_GT(whole.size(), 3 * base::kMiB);
  for (const auto& reader : {OpenLocalReader(cluster_->data_directory(), session)->NewReader(),
                             OpenSqlReader(cluster_->connect(), session)->NewReader()}) {
    const auto expect = [&](std::uint64_t offset, std::size_t size) {
      base::Bytes buffer(size, 0xEE);
      const std::size_t left = offset < whole.size() ? whole.size() - offset : 0;
      const std::size_t expected = std::min(size, left);
      ASSERT_EQ(reader->ReadAt(path, offset, buffer), expected);
      EXPECT_TRUE(
          base::Equal(base::ByteView(buffer).first(expected),
                      base::ByteView(whole).subspan(std::min(offset, whole.size()), expected)));
    };
    expect(8192, 8192);
    expect(0, 8192);                     // backwards
    expect(0, 3 * base::kMiB);           // several pieces
    expect(whole.size() - 8192, 65536);  // over the end
    expect(whole.size(), 8192);
    expect(whole.size() + base::kMiB, 8192);
    expect(5, 100);
    base::Bytes buffer(8192);
    EXPECT_EQ(reader->ReadAt("base/1/99999999", 0, buffer), std::nullopt);
    EXPECT_EQ(reader->ReadAt("base/99999999/1259", 0, buffer), std::nullopt);
    EXPECT_EQ(reader->ReadAt("pg_tblspc/99999999/PG_15_202209061/5/1", 0, buffer), std::nullopt);
    EXPECT_THROW(static_cast<void>(reader->ReadAt("base/1", 0, buffer)), base::Error);
    EXPECT_THROW(static_cast<void>(reader->ReadAt("../server.log", 0, buffer)), base::Error);
  }
}

TEST_F(LiveReader, ReadsManyRangesAtOnce) {
  BackupSession session = StartSession(cluster_->connect());
  const std::string path = PathOf("t1");
  const base::Bytes whole = base::ReadFile(cluster_->data_directory() / path);
  struct Wanted {
    std::uint64_t offset;
    std::size_t size;
  };
  // More than goes into one COPY, one that is too large for any, backwards, and over the end.
  std::vector<Wanted> wanted;
  for (std::uint64_t page = 0; page < 150; ++page) wanted.push_back({page * 16384, 8192});
  wanted.insert(wanted.end(), {{0, 2 * base::kMiB},
                               {8192, 8192},
                               {whole.size() - 8192, 65536},
                               {whole.size() + 8192, 8192}});
  for (const auto& reader : {OpenLocalReader(cluster_->data_directory(), session)->NewReader(),
                             OpenSqlReader(cluster_->connect(), session)->NewReader()}) {
    std::vector<base::Bytes> buffers;
    std::vector<FileRange> ranges;
    for (const Wanted& one : wanted) buffers.emplace_back(one.size, std::uint8_t{0xEE});
    for (std::size_t i = 0; i < wanted.size(); ++i)
      ranges.push_back({.offset = wanted[i].offset, .out = buffers[i]});
    const auto sizes = reader->ReadRanges(path, ranges);
    ASSERT_EQ(sizes.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::uint64_t left =
          whole.size() - std::min<std::uint64_t>(whole.size(), wanted[i].offset);
      const std::size_t expected = std::min<std::uint64_t>(wanted[i].size, left);
      ASSERT_EQ(sizes[i], expected) << i;
      EXPECT_TRUE(
          base::Equal(base::ByteView(buffers[i]).first(expected),
                      base::ByteView(whole).subspan(
                          std::min<std::uint64_t>(wanted[i].offset, whole.size()), expected)))
          << i;
    }
    EXPECT_EQ(reader->ReadRanges("base/1/99999999", std::span(ranges).first(2)),
              std::vector<std::optional<std::size_t>>(2));
    EXPECT_TRUE(reader->ReadRanges(path, {}).empty());
  }
}

TEST_F(LiveReader, LosesNoFileThatIsNotMeantToVanish) {
  BackupSession session = StartSession(cluster_->connect());
  const auto local = OpenLocalReader(cluster_->data_directory(), session);
  const auto sql = OpenSqlReader(cluster_->connect(), session);
  cluster_->Run({"CREATE DATABASE shortlived", "CREATE TABLE dropped AS SELECT 1"});
  const std::string path = PathOf("dropped");
  cluster_->Run({"DROP TABLE dropped", "DROP DATABASE shortlived", "CHECKPOINT"});
  base::Bytes buffer(8192);
  EXPECT_EQ(local->NewReader()->ReadAt(path, 0, buffer), std::nullopt);
  EXPECT_EQ(sql->NewReader()->ReadAt(path, 0, buffer), std::nullopt);
}

TEST_F(LiveReader, ReadsPgWalBothWays) {
  cluster_->Run({"CREATE TABLE w AS SELECT 1", "SELECT pg_switch_wal()"});
  BackupSession session = StartSession(cluster_->connect());
  const auto local = OpenLocalWalDirectory(cluster_->data_directory());
  const auto sql = OpenSqlWalDirectory(cluster_->connect(), session);
  const std::vector<std::string> names = local->List();
  EXPECT_EQ(names, OpenSqlWalDirectory(cluster_->connect())->List());
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names[0].size(), 24U);
  base::Bytes first(2 * base::kMiB);
  base::Bytes second(2 * base::kMiB);
  EXPECT_EQ(local->ReadAt(names[0], 0, first), first.size());
  EXPECT_EQ(sql->ReadAt(names[0], 0, second), second.size());
  EXPECT_EQ(first, second);
  EXPECT_EQ(local->ReadAt("0000000100000000000000FF", 0, first), std::nullopt);
  EXPECT_EQ(sql->ReadAt("0000000100000000000000FF", 0, first), std::nullopt);
  EXPECT_THROW(static_cast<void>(sql->ReadAt("../global/pg_control", 0, first)), base::Error);
}

TEST_F(LiveReader, RefusesAnotherClustersFolder) {
  const WalHold hold = WalHold::Open(cluster_->connect());
  BackupSession session =
      BackupSession::Start({.connect = cluster_->connect(), .label = "test", .slot = hold.slot()});
  const LiveCluster stranger;
  ExpectError(ErrorKind::kConflict, "another system identifier",
              [&] { OpenLocalReader(stranger.data_directory(), session); });
  ExpectError(ErrorKind::kConflict, "not the server",
              [&] { OpenSqlReader(stranger.connect(), session); });
  ExpectError(ErrorKind::kConflict, "has no global/pg_control",
              [&] { OpenLocalReader(stranger.MakeFolder("empty"), session); });

  // A copy of this very cluster, with its postmaster.pid, but without the session's slot.
  const fs::path copy = stranger.root() / "copy";
  fs::create_directories(copy / "pg_replslot");
  fs::create_directories(copy / "global");
  for (const char* const name : {"postmaster.pid", "global/pg_control"}) {
    fs::copy_file(cluster_->data_directory() / name, copy / name);
  }
  ExpectError(ErrorKind::kConflict, "no trace of the session",
              [&] { OpenLocalReader(copy, session); });
  const std::string pid(base::AsText(base::ReadFile(copy / "postmaster.pid")));
  const auto with = [&](const std::string& old_text, const std::string& new_text) {
    std::string changed = pid;
    changed.replace(changed.find(old_text), old_text.size(), new_text);
    std::ofstream(copy / "postmaster.pid") << changed;
  };
  with(cluster_->data_directory(), "/elsewhere");
  ExpectError(ErrorKind::kConflict, "its server calls it", [&] { OpenLocalReader(copy, session); });
  with(fmt::format("\n{}\n", cluster_->port()), "\n1\n");
  ExpectError(ErrorKind::kConflict, "has port 1", [&] { OpenLocalReader(copy, session); });
  with(pid.substr(pid.find("\n1") + 1, 10), "1000000000");
  ExpectError(ErrorKind::kConflict, "was started at", [&] { OpenLocalReader(copy, session); });
}

TEST_F(LiveReader, RefusesToGuessWhatItCannotSee) {
  BackupSession session = StartSession(cluster_->connect());
  const auto local = OpenLocalReader(cluster_->data_directory(), session);
  const fs::path link = cluster_->data_directory() / "base" / "77777";
  fs::create_directory_symlink("/tmp", link);
  ExpectError(ErrorKind::kConflict, "symbolic link", [&] { local->List(); });
  base::Bytes buffer(10);
  EXPECT_THROW(static_cast<void>(local->NewReader()->ReadAt("base/77777/x", 0, buffer)),
               base::Error);
  fs::remove(link);

  const std::string oid =
      cluster_->Value("SELECT oid FROM pg_tablespace WHERE spcname = 'outside'");
  const fs::path space = cluster_->root() / "space";
  const fs::path moved = cluster_->root() / "moved";
  fs::rename(space, moved);
  const auto sql = OpenSqlReader(cluster_->connect(), session);
  ExpectError(ErrorKind::kUnavailable, "leads nowhere", [&] { local->List(); });
  ExpectError(ErrorKind::kUnavailable, "tablespace outside", [&] { sql->List(); });
  ExpectError(ErrorKind::kUnavailable, "leads nowhere",
              [&] { static_cast<void>(local->NewReader()->ReadAt(PathOf("t1"), 0, buffer)); });
  fs::rename(moved, space);
}

TEST_F(LiveReader, LetsARoleWithTheGrantsDoEverything) {
  Connection superuser = cluster_->Open();
  std::string statements = GrantStatements("holdfast", superuser.server_version());
  while (!statements.empty()) {
    const std::size_t end = statements.find(";\n");
    superuser.Query(statements.substr(0, end));
    statements.erase(0, end + 2);
  }
  ConnectOptions connect = cluster_->connect();
  connect.conninfo += " user=holdfast";
  BackupSession session = StartSession(connect);
  EXPECT_TRUE(WalHold::Open(connect).holds());
  EXPECT_EQ(session.facts().data_directory, cluster_->data_directory().native());
  EXPECT_EQ(session.facts().tablespaces.size(), 3U);
  OpenLocalReader(cluster_->data_directory(), session);
  const auto sql = OpenSqlReader(connect, session);
  ExpectWholeListing(ByPath(sql->List()), *cluster_);
  const auto reader = sql->NewReader();
  const base::Bytes control = ReadAll(*reader, "global/pg_control", kControlFileSize + 1);
  EXPECT_EQ(ParseControlFile(control).system_identifier, session.facts().system_identifier);
  base::Bytes page(8192);
  EXPECT_EQ(reader->ReadAt(PathOf("t1"), 8192, page), page.size());
  const auto wal = OpenSqlWalDirectory(connect, session);
  EXPECT_EQ(wal->ReadAt(wal->List().at(0), 0, page), page.size());
  session.KeepAlive();
  EXPECT_FALSE(session.Stop().tablespace_map.empty());

  Connection connection = Connection::Open(connect);
  CreateSlot(connection, "kept");
  AdvanceSlot(connection, "kept",
              ParseLsn(connection.QueryValue("SELECT pg_current_wal_flush_lsn()")));
  DropSlot(connection, "kept");
  connection.Query("SELECT pg_create_restore_point('here')");
  connection.Query("SELECT pg_switch_wal()");
}

TEST_F(LiveReader, TellsOfAServerThatStopsAnswering) {
  BackupSession session = StartSession(cluster_->connect());
  ConnectOptions connect = cluster_->connect();
  connect.answer_timeout = std::chrono::seconds(1);
  connect.application_name = "sleeper";
  const auto reader = OpenSqlReader(connect, session)->NewReader();
  const pid_t pid = std::stoi(cluster_->Value(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'sleeper' ORDER BY backend_start "
      "DESC LIMIT 1"));
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  base::Bytes page(8192);
  ExpectError(ErrorKind::kUnavailable, "did not answer",
              [&] { static_cast<void>(reader->ReadAt("PG_VERSION", 0, page)); });
  ::kill(pid, SIGCONT);
}

TEST(PostmasterPid, IsTakenStrictly) {
  const PostmasterPid pid = ParsePostmasterPid("12\n/data\n1795250493\n5432\n/tmp\n*\n 1 2\nready");
  EXPECT_EQ(pid.data_directory, "/data");
  EXPECT_EQ(pid.port, 5432);
  EXPECT_EQ(pid.start, base::Time(std::chrono::seconds(1795250493)));
  for (const char* const bad : {"", "12\n/data\n1795250493\n5432", "12\n/data\nx\n5432\n",
                                "12\n/data\n1\n99999\n", "12\n"}) {
    ExpectError(ErrorKind::kCorrupt, "postmaster.pid", [&] { ParsePostmasterPid(bad); });
  }
}

TEST(GrantStatements, NameTheFunctionsOfTheMajorVersion) {
  EXPECT_THAT(GrantStatements("a\"b", 130004),
              HasSubstr("pg_start_backup(text, boolean, boolean)"));
  EXPECT_THAT(GrantStatements("a\"b", 130004), HasSubstr("TO \"a\"\"b\";"));
  EXPECT_THAT(GrantStatements("x", 150000), HasSubstr("pg_backup_stop(boolean)"));
}

}  // namespace
}  // namespace holdfast::pg
