#include "pg/connect_failure.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
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

// The first name in double quotes: the role, in whatever language the server speaks.
std::string RoleIn(const std::string& text) {
  const std::size_t begin = text.find('"');
  const std::size_t end = begin == std::string::npos ? begin : text.find('"', begin + 1);
  return end == std::string::npos ? "ROLE" : text.substr(begin + 1, end - begin - 1);
}

std::string OperatingSystemUser() {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "the operating system's user" : found->pw_name;
}

std::string PasswordFileHint(std::string_view role) {
  return fmt::format(
      "a password goes into ~/.pgpass (or what PGPASSFILE names), mode 0600, as a line "
      "HOST:PORT:*:{}:PASSWORD",
      role);
}

// As in the configuration that Debian makes, for every connection but those over TCP.
std::vector<std::string> HintsForPeer(const std::string& role, bool replication) {
  const std::string user = OperatingSystemUser();
  return {fmt::format("pg_hba.conf has \"peer\" for connections without TCP: it lets {} in as the "
                      "role {} alone",
                      user, user),
          fmt::format("connect over TCP with a password: host=localhost in the connection, and a "
                      "line localhost:*:*:{}:PASSWORD in ~/.pgpass, mode 0600",
                      role),
          fmt::format("or let {0} in as {1}: `local {2} {1} peer map=holdfast` as the first line "
                      "of pg_hba.conf, `holdfast {0} {1}` in pg_ident.conf, then SELECT "
                      "pg_reload_conf()",
                      user, role, replication ? "replication" : "all")};
}

bool IsPeerRefusal(const std::string& text) {
  return text.find("Peer") != std::string::npos || text.find("peer") != std::string::npos;
}

std::vector<std::string> HintsForDenied(const ServerRefusal& refusal, bool replication) {
  const std::string& sqlstate = refusal.sqlstate;
  const std::string role = RoleIn(refusal.text);
  if (sqlstate == "28P01") {
    return {PasswordFileHint(role),
            fmt::format("a role that does not exist is refused in the same words: CREATE ROLE {} "
                        "LOGIN PASSWORD '...'",
                        role)};
  }
  if (sqlstate == "28000" && refusal.text == fmt::format("role \"{}\" does not exist", role)) {
    return {
        fmt::format("create it: CREATE ROLE {} LOGIN PASSWORD '...'; `holdfast check SOURCE "
                    "--grants` prints the rights it needs",
                    role)};
  }
  if (sqlstate == "28000" && IsPeerRefusal(refusal.text)) return HintsForPeer(role, replication);
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

std::vector<std::string> HintsFor(const ServerRefusal& refusal, bool replication) {
  const std::string& sqlstate = refusal.sqlstate;
  if (KindOf(sqlstate) == ErrorKind::kDenied) return HintsForDenied(refusal, replication);
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
    for (std::string& hint : HintsFor(refusal, failure.replication)) {
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
    error.AddHint(PasswordFileHint("ROLE"));
    throw error;
  }
  throw base::Error(
      ErrorKind::kUnavailable,
      fmt::format("cannot connect to {}: {}", failure.target, JoinLines(failure.libpq_message)),
      {"is the server running, and are host and port of the conninfo right?"});
}

}  // namespace holdfast::pg
