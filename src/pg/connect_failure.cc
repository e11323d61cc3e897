#include "pg/connect_failure.h"

#include <fmt/format.h>

#include <regex>
#include <vector>

#include "pg/connection.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;

struct ServerRefusal {
  std::string sqlstate;
  std::string text;
};

// The last refusal in the text: of several hosts, the last one tried.
ServerRefusal LastRefusal(std::string_view message) {
  static const std::regex pattern(":  ([0-9A-Z]{5}): ([^\n]*)");
  ServerRefusal result;
  const std::string text(message);
  for (auto it = std::sregex_iterator(text.begin(), text.end(), pattern);
       it != std::sregex_iterator(); ++it) {
    result = {.sqlstate = (*it)[1], .text = (*it)[2]};
  }
  return result;
}

// libpq's lines joined; its advice (indented lines) left out.
std::string JoinLines(std::string_view message) {
  std::string result;
  while (!message.empty()) {
    const std::size_t end = message.find('\n');
    const std::string_view line = message.substr(0, end);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    if (line.empty() || line.front() == '\t') continue;
    if (!result.empty()) result += "; ";
    result += line;
  }
  return result;
}

ErrorKind KindOf(std::string_view sqlstate) {
  if (sqlstate.starts_with("28") || sqlstate == "42501") return ErrorKind::kDenied;
  return sqlstate == "3D000" ? ErrorKind::kNotFound : ErrorKind::kUnavailable;
}

std::vector<std::string> HintsForDenied(std::string_view sqlstate, bool replication) {
  if (sqlstate == "28P01") {
    return {"check the password file (PGPASSFILE, ~/.pgpass) or the password of the conninfo"};
  }
  if (sqlstate == "42501" && replication) {
    return {"let the role replicate: ALTER ROLE ... REPLICATION"};
  }
  if (replication) {
    return {
        "pg_hba.conf needs a line of its own for replication, \"all\" does not include it: host "
        "replication ROLE ADDRESS scram-sha-256; then SELECT pg_reload_conf()",
        "without it WAL can still be read through an ordinary connection"};
  }
  return {"look at the user and the host of the conninfo, and at the server's pg_hba.conf"};
}

std::vector<std::string> HintsFor(const std::string& sqlstate, bool replication) {
  if (KindOf(sqlstate) == ErrorKind::kDenied) return HintsForDenied(sqlstate, replication);
  if (sqlstate == "3D000") return {"name an existing database in the conninfo: dbname=postgres"};
  if (sqlstate == "53300") {
    return {replication ? "raise max_wal_senders on the server, or end receivers no longer used"
                        : "raise max_connections on the server, or lower the number of readers"};
  }
  if (sqlstate == "57P03") return {"the server is starting, recovering or stopping: try later"};
  return {};
}

}  // namespace

std::string SqlstateOf(std::string_view libpq_message) {
  return LastRefusal(libpq_message).sqlstate;
}

void ThrowConnectFailure(const ConnectFailure& failure) {
  const ServerRefusal refusal = LastRefusal(failure.libpq_message);
  if (!refusal.sqlstate.empty()) {
    SqlError error(KindOf(refusal.sqlstate),
                   fmt::format("cannot connect to {}: {}", failure.target, refusal.text),
                   refusal.sqlstate);
    for (std::string& hint : HintsFor(refusal.sqlstate, failure.replication)) {
      error.AddHint(std::move(hint));
    }
    throw error;
  }
  if (failure.password_missing) {
    SqlError error(
        ErrorKind::kDenied,
        fmt::format("cannot connect to {}: the server asks for a password, none was given",
                    failure.target),
        "28P01");
    error.AddHint("put it into the password file, ~/.pgpass or what PGPASSFILE names");
    throw error;
  }
  throw base::Error(
      ErrorKind::kUnavailable,
      fmt::format("cannot connect to {}: {}", failure.target, JoinLines(failure.libpq_message)),
      {"is the server running, and are host and port of the conninfo right?"});
}

}  // namespace holdfast::pg
