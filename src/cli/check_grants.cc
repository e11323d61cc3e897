#include "cli/check_grants.h"

#include <fmt/format.h>

#include <optional>

#include "cli/command.h"
#include "cli/source_access.h"
#include "pg/cluster_reader.h"
#include "pg/conninfo.h"
#include "pg/quote.h"
#include "pg/version.h"

namespace holdfast::cli {
namespace {

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr int kNewestVersion = static_cast<int>(pg::MajorVersion::kNewest) * 10000;

struct Server {
  int version = 0;
  std::string user;
};

// Empty, with a warning, when it cannot be reached: the statements are wanted before the role can
// connect.
std::optional<Server> Ask(Session& session, pg::ConnectOptions connect) {
  connect.connect_timeout = kConnectTimeout;
  try {
    pg::Connection connection = pg::Connection::Open(connect);
    return Server{.version = connection.server_version(),
                  .user = connection.QueryValue("SELECT current_user")};
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::kCancelled || error.kind() == base::ErrorKind::kUsage)
      throw;
    session.reporter().Warn(fmt::format("{}; PostgreSQL {} is assumed, the newest known",
                                        error.message(), pg::MajorVersion::kNewest));
    for (const std::string& hint : error.hints())
      session.reporter().Note(fmt::format("hint: {}", hint));
    return std::nullopt;
  }
}

std::string ConfiguredUser(const pg::ConnectOptions& connect) {
  const auto keywords = pg::ConnectKeywords(connect);
  const auto user = keywords.find("user");
  if (user != keywords.end() && !user->second.empty()) return user->second;
  throw base::Error(base::ErrorKind::kUsage,
                    "the connection names no user, and the server cannot be asked",
                    {"name the role: --role holdfast"});
}

// Comments, so that the whole can be piped into psql.
std::string Preface(const pg::ConnectOptions& connect, const std::string& role) {
  const auto keywords = pg::ConnectKeywords(connect);
  const auto database = keywords.find("dbname");
  const bool named = database != keywords.end() && !database->second.empty();
  return fmt::format(
      "-- For a superuser to run in {}.\n"
      "-- The role comes first, if it is not there: CREATE ROLE {} LOGIN PASSWORD '...';\n",
      named ? fmt::format("the database {}", pg::QuoteIdentifier(database->second))
            : "the database of the source's connection",
      pg::QuoteIdentifier(role));
}

}  // namespace

int PrintGrants(Session& session, const std::string& source, const std::string& role) {
  const pg::ConnectOptions connect = ConnectOptionsOf(session, ClusterNamed(session, source));
  const std::optional<Server> server = Ask(session, connect);
  const int version = server ? server->version : kNewestVersion;
  std::string name = role;
  if (name.empty()) name = server ? server->user : ConfiguredUser(connect);
  const std::string statements = pg::GrantStatements(name, version);
  if (session.json()) {
    session.PrintJson({{"role", name},
                       {"server_version", server ? nlohmann::json(version) : nlohmann::json()},
                       {"statements", statements}});
  } else {
    session.out() << Preface(connect, name) << statements;
  }
  return ToInt(ExitCode::kDone);
}

}  // namespace holdfast::cli
