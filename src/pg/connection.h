// One libpq connection with deadlines on everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

struct pg_conn;

namespace holdfast::pg {

struct ConnectOptions {
  // libpq's, also as a URI; PG* variables, pgpass and service files work, and what it sets itself
  // (connect_timeout, application_name, keepalives) goes before the fields here. Several hosts are
  // tried in their order.
  std::string conninfo;
  std::string application_name = "holdfast";
  bool replication = false;             // a walsender connection (physical)
  std::optional<std::string> database;  // instead of conninfo's
  std::chrono::seconds connect_timeout{15};
  // No answer from the server for so long is a failure. TCP keepalives and tcp_user_timeout are set
  // to match.
  std::chrono::seconds answer_timeout{60};
  // Ends every wait with Error(kCancelled); the connection is then of no further use.
  std::stop_token stop;
};

struct QueryOptions {
  // Instead of the connection's, for statements that rightly take long.
  std::optional<std::chrono::seconds> answer_timeout;
};

// A result's cells as text; null cells are empty optionals.
using Row = std::vector<std::optional<std::string>>;
using Parameters = std::span<const std::optional<std::string>>;

// The server refused a statement. kind() is kDenied for SQLSTATE 42501 and 28xxx, kUnavailable for
// connection trouble (08, 57, 53), kInternal else.
class SqlError : public base::Error {
 public:
  SqlError(base::ErrorKind kind, std::string message, std::string sqlstate);
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

// Not thread-safe. Passwords never appear in messages. After a failure of the connection itself
// every call throws kUnavailable.
class Connection {
 public:
  // Sets search_path to pg_catalog (CVE-2018-1058), DateStyle ISO, UTF-8, bytea hex, standard
  // strings, and switches off statement, lock, idle and transaction timeouts, unless `replication`.
  //
  // Throws SqlError when a server refused (kDenied: 28xxx, 42501; kNotFound: no such database;
  // kUnavailable: the rest), Error(kUnavailable) when none was reached, Error(kUsage) when the
  // conninfo is none. connect_timeout counts for each address tried.
  static Connection Open(const ConnectOptions& options);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // One statement with text parameters ($1 ...), none of them on a replication connection.
  std::vector<Row> Query(const std::string& sql, Parameters parameters = {},
                         const QueryOptions& options = {});
  // Exactly one row and column that is not null; Error(kInternal) otherwise.
  std::string QueryValue(const std::string& sql, Parameters parameters = {},
                         const QueryOptions& options = {});
  // COPY (query) TO STDOUT (FORMAT binary): `row` gets each row's fields (views valid during the
  // call; null = nullopt). Holds one row in memory. An exception that leaves `row` ends the
  // connection too.
  void CopyBinary(const std::string& query,
                  const std::function<void(std::span<const std::optional<base::ByteView>>)>& row);

  int server_version() const;  // 150004
  const ConnectOptions& options() const;
  std::string host_description() const;  // "db:5432 as holdfast", for messages
  ::pg_conn* raw() const;                // libpq's PGconn, for replication.cc

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::pg
