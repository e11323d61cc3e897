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

namespace holdfast::pg {

struct ConnectOptions {
  std::string conninfo;  // libpq's; PG* variables, pgpass and service files work
  std::string application_name = "holdfast";
  bool replication = false;             // a walsender connection (physical)
  std::optional<std::string> database;  // instead of conninfo's
  std::chrono::seconds connect_timeout{15};
  // No answer from the server for so long is a failure. TCP keepalives and tcp_user_timeout are set
  // to match.
  std::chrono::seconds answer_timeout{60};
};

// A result's cells as text; null cells are empty optionals.
using Row = std::vector<std::optional<std::string>>;

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
  static Connection Open(const ConnectOptions& options);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // One statement with text parameters ($1 ...).
  std::vector<Row> Query(const std::string& sql,
                         std::span<const std::optional<std::string>> parameters = {});
  // Exactly one row and column; Error(kInternal) otherwise.
  std::string QueryValue(const std::string& sql,
                         std::span<const std::optional<std::string>> parameters = {});
  // COPY (...) TO STDOUT (FORMAT binary): `row` gets each row's fields (views valid during the
  // call; null = nullopt).
  void CopyBinary(const std::string& query,
                  const std::function<void(std::span<const std::optional<base::ByteView>>)>& row);

  int server_version() const;            // 150004
  std::string host_description() const;  // "db:5432 as holdfast", for messages
  struct pg_conn* raw() const;           // for replication.cc

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::pg
