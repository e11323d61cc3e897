#include "pg/connection.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "pg/testing/expect_error.h"
#include "pg/testing/live_cluster.h"

namespace holdfast::pg {
namespace {

using base::ErrorKind;
using std::chrono::seconds;
using std::chrono::steady_clock;

// One server for the tests that do not harm it.
class LiveConnection : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new LiveCluster({.settings = {"password_encryption = 'scram-sha-256'"},
                                .hba = {"local all keeper peer", "local all all trust",
                                        "host all nopass 127.0.0.1/32 scram-sha-256",
                                        "host all postgres 127.0.0.1/32 trust"}});
    cluster_->Run({"CREATE ROLE nopass LOGIN PASSWORD 'right'", "CREATE ROLE stranger LOGIN",
                   "CREATE ROLE keeper LOGIN", "CREATE ROLE one LOGIN CONNECTION LIMIT 0",
                   "ALTER ROLE postgres SET statement_timeout = '5s'",
                   "ALTER ROLE postgres SET search_path = public",
                   "ALTER ROLE postgres SET bytea_output = escape"});
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  static ConnectOptions As(const std::string& user, const std::string& more = "") {
    ConnectOptions options = cluster_->connect_tcp();
    options.conninfo += " user=" + user + " " + more;
    return options;
  }
  static LiveCluster* cluster_;
};
LiveCluster* LiveConnection::cluster_ = nullptr;

TEST_F(LiveConnection, AnswersQueriesWithParametersAndNulls) {
  Connection connection = cluster_->Open();
  const std::optional<std::string> parameters[] = {"it's", std::nullopt};
  const std::vector<Row> rows =
      connection.Query("SELECT $1::text, $2::text UNION ALL SELECT 'b', ''", parameters);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0], (Row{"it's", std::nullopt}));
  EXPECT_EQ(rows[1], (Row{"b", ""}));
  EXPECT_EQ(connection.QueryValue("SELECT 7"), "7");
  EXPECT_GE(connection.server_version(), 130000);
}

TEST_F(LiveConnection, WantsExactlyOneValueWhereOneIsAskedFor) {
  Connection connection = cluster_->Open();
  ExpectError(ErrorKind::kInternal, "exactly one", [&] { connection.QueryValue("SELECT 1, 2"); });
  ExpectError(ErrorKind::kInternal, "exactly one", [&] { connection.QueryValue("SELECT NULL"); });
  EXPECT_EQ(connection.QueryValue("SELECT 1"), "1");
}

TEST_F(LiveConnection, OverridesTheRolesSettings) {
  Connection connection = cluster_->Open();
  const std::vector<Row> rows = connection.Query(
      "SELECT current_setting('statement_timeout'), current_setting('search_path'), "
      "current_setting('bytea_output'), current_setting('TimeZone'), "
      "current_setting('client_encoding'), current_setting('application_name')");
  EXPECT_EQ(rows.at(0), (Row{"0", "pg_catalog", "hex", "UTC", "UTF8", "holdfast"}));
}

TEST_F(LiveConnection, LeavesTheConninfosOwnNameAlone) {
  ConnectOptions options = cluster_->connect();
  options.conninfo += " application_name=standby1";
  EXPECT_EQ(Connection::Open(options).QueryValue("SELECT current_setting('application_name')"),
            "standby1");
}

TEST_F(LiveConnection, StaysUsableAfterARefusedStatement) {
  Connection connection = cluster_->Open();
  try {
    connection.Query("SELECT nothing_like_it()");
    FAIL() << "nothing was thrown";
  } catch (const SqlError& error) {
    EXPECT_EQ(error.sqlstate(), "42883");
    EXPECT_EQ(error.kind(), ErrorKind::kInternal);
  }
  EXPECT_EQ(connection.QueryValue("SELECT 1"), "1");
}

TEST_F(LiveConnection, CallsAMissingRightDenied) {
  Connection connection = Connection::Open([] {
    ConnectOptions options = cluster_->connect();
    options.conninfo += " user=stranger";
    return options;
  }());
  ExpectError(ErrorKind::kDenied, "permission denied",
              [&] { connection.Query("SELECT pg_switch_wal()"); });
}

TEST_F(LiveConnection, CopiesRowsWithNullsAndLargeFields) {
  Connection connection = cluster_->Open();
  std::vector<std::optional<std::size_t>> sizes;
  connection.CopyBinary(
      "SELECT decode(repeat('ab', n), 'hex') FROM (VALUES (0), (3000000), (NULL)) v(n)",
      [&](std::span<const std::optional<base::ByteView>> fields) {
        ASSERT_EQ(fields.size(), 1U);
        sizes.push_back(fields[0] ? std::optional(fields[0]->size()) : std::nullopt);
      });
  EXPECT_EQ(sizes, (std::vector<std::optional<std::size_t>>{0, 3000000, std::nullopt}));
  EXPECT_EQ(connection.QueryValue("SELECT 1"), "1");
}

TEST_F(LiveConnection, ReportsAFailureInTheMiddleOfACopy) {
  Connection connection = cluster_->Open();
  int rows = 0;
  ExpectError(ErrorKind::kInternal, "division by zero", [&] {
    connection.CopyBinary("SELECT 1 / (500 - n) FROM generate_series(1, 1000) n",
                          [&](auto /*fields*/) { ++rows; });
  });
  EXPECT_EQ(rows, 499);
  EXPECT_EQ(connection.QueryValue("SELECT 1"), "1");
  ExpectError(ErrorKind::kInternal, "nowhere",
              [&] { connection.CopyBinary("SELECT * FROM nowhere", [](auto) {}); });
  EXPECT_EQ(connection.QueryValue("SELECT 1"), "1");
}

TEST_F(LiveConnection, EndsWithAnExceptionOfTheRowFunction) {
  Connection connection = cluster_->Open();
  EXPECT_THROW(connection.CopyBinary("SELECT generate_series(1, 100000)",
                                     [](auto) { throw std::runtime_error("full"); }),
               std::runtime_error);
  ExpectError(ErrorKind::kUnavailable, "failed before", [&] { connection.Query("SELECT 1"); });
}

TEST_F(LiveConnection, TellsAWrongPasswordWithoutShowingIt) {
  const base::Error error = ErrorOf([] { Connection::Open(As("nopass", "password=s3cret")); });
  EXPECT_EQ(error.kind(), ErrorKind::kDenied);
  EXPECT_THAT(error.message(), testing::HasSubstr("password authentication failed"));
  EXPECT_THAT(error.message(), testing::Not(testing::HasSubstr("s3cret")));
  EXPECT_FALSE(error.hints().empty());
  EXPECT_EQ(Connection::Open(As("nopass", "password=right")).QueryValue("SELECT 1"), "1");
}

TEST_F(LiveConnection, TellsWhyAServerRefuses) {
  ExpectError(ErrorKind::kDenied, "asks for a password",
              [] { Connection::Open(As("nopass", "passfile=/nonexistent")); });
  ExpectError(ErrorKind::kDenied, "no pg_hba.conf entry", [] { Connection::Open(As("stranger")); });
  ExpectError(ErrorKind::kNotFound, "\"nosuch\" does not exist",
              [] { Connection::Open(As("postgres", "dbname=nosuch")); });
  ConnectOptions full = cluster_->connect();
  full.conninfo += " user=one";
  const base::Error error = ErrorOf([&] { Connection::Open(full); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.message(), testing::HasSubstr("too many connections"));
}

TEST_F(LiveConnection, SaysHowToGetInWhereAServerRefuses) {
  const auto hints_for = [](const ConnectOptions& options) {
    const base::Error error = ErrorOf([&] { Connection::Open(options); });
    EXPECT_EQ(error.kind(), ErrorKind::kDenied);
    return error.hints();
  };
  const auto local = [](const std::string& user) {
    ConnectOptions options = cluster_->connect();
    options.conninfo += " user=" + user;
    return options;
  };
  using testing::Contains;
  using testing::HasSubstr;
  const auto peer = hints_for(local("keeper"));
  EXPECT_THAT(peer, Contains(HasSubstr("line localhost:*:*:keeper:PASSWORD in ~/.pgpass")));
  EXPECT_THAT(peer, Contains(HasSubstr("`local all keeper peer map=holdfast`")));
  EXPECT_THAT(hints_for(local("ghost")), Contains(HasSubstr("CREATE ROLE ghost LOGIN PASSWORD")));
  const auto wrong = hints_for(As("nopass", "password=wrong"));
  EXPECT_THAT(wrong, Contains(HasSubstr("HOST:PORT:*:nopass:PASSWORD")));
  EXPECT_THAT(wrong, Contains(HasSubstr("CREATE ROLE nopass")));
}

TEST_F(LiveConnection, TriesTheHostsInTheirOrder) {
  ConnectOptions options;
  options.conninfo = fmt::format("host=127.0.0.1,127.0.0.1 port=1,{} user=postgres dbname=postgres",
                                 cluster_->port());
  EXPECT_EQ(Connection::Open(options).QueryValue("SELECT 1"), "1");
}

TEST_F(LiveConnection, GivesUpOnAServerThatDoesNotAnswer) {
  ConnectOptions options = cluster_->connect();
  options.answer_timeout = seconds(1);
  Connection connection = Connection::Open(options);
  const pid_t backend = std::stoi(connection.QueryValue("SELECT pg_backend_pid()"));
  ASSERT_EQ(::kill(backend, SIGSTOP), 0);
  ExpectError(ErrorKind::kUnavailable, "did not answer within 1 s",
              [&] { connection.Query("SELECT 1"); });
  ASSERT_EQ(::kill(backend, SIGCONT), 0);
  ExpectError(ErrorKind::kUnavailable, "failed before", [&] { connection.Query("SELECT 1"); });
}

TEST_F(LiveConnection, WaitsLongerForAStatementThatMayTakeLong) {
  ConnectOptions options = cluster_->connect();
  options.answer_timeout = seconds(1);
  Connection connection = Connection::Open(options);
  EXPECT_EQ(connection.QueryValue("SELECT pg_sleep(1.3)::text || 'woken'", {},
                                  {.answer_timeout = seconds(20)}),
            "woken");
}

TEST_F(LiveConnection, StopsWaitingWhenAskedTo) {
  std::stop_source stop;
  ConnectOptions options = cluster_->connect();
  options.stop = stop.get_token();
  Connection connection = Connection::Open(options);
  std::jthread stopper([&] { stop.request_stop(); });
  ExpectError(ErrorKind::kCancelled, "interrupted",
              [&] { connection.Query("SELECT pg_sleep(30)"); });
}

TEST(Connection, SaysWhatCannotBeReached) {
  ConnectOptions options;
  options.conninfo = "host=127.0.0.1 port=1 user=x password=s3cret";
  const base::Error error = ErrorOf([&] { Connection::Open(options); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.message(), testing::HasSubstr("127.0.0.1:1 as x"));
  EXPECT_THAT(error.message(), testing::Not(testing::HasSubstr("s3cret")));
}

TEST(Connection, ShowsNothingOfAConninfoItCannotRead) {
  for (const std::string conninfo :
       {"password=my s3cret host=db", "password=my s3cret=1", "postgresql://u:my@s3cret@db/x"}) {
    ConnectOptions options;
    options.conninfo = conninfo;
    const base::Error error = ErrorOf([&] { Connection::Open(options); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << conninfo;
    EXPECT_THAT(error.message(), testing::Not(testing::HasSubstr("s3cret")));
  }
}

TEST(Connection, TellsOfAServerKilledInTheMiddleOfACopy) {
  LiveCluster cluster;
  Connection connection = cluster.Open();
  const pid_t backend = std::stoi(connection.QueryValue("SELECT pg_backend_pid()"));
  int rows = 0;
  ExpectError(ErrorKind::kUnavailable, "lost the connection", [&] {
    connection.CopyBinary("SELECT generate_series(1, 100000000), repeat('x', 1000)",
                          [&](auto /*fields*/) {
                            if (++rows == 100) ::kill(backend, SIGKILL);
                          });
  });
  EXPECT_GE(rows, 100);
  ExpectError(ErrorKind::kUnavailable, "failed before", [&] { connection.Query("SELECT 1"); });
}

TEST(Connection, GivesUpOnASilentListener) {
  // Accepts into its backlog and says nothing.
  const SilentListener listener;
  ConnectOptions options;
  options.conninfo = fmt::format("host=127.0.0.1 port={} user=x", listener.port());
  options.connect_timeout = seconds(1);
  const auto begin = steady_clock::now();
  ExpectError(ErrorKind::kUnavailable, "did not answer", [&] { Connection::Open(options); });
  EXPECT_LT(steady_clock::now() - begin, seconds(10));
}

}  // namespace
}  // namespace holdfast::pg
