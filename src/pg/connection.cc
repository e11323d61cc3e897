#include "pg/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "pg/binary_copy.h"
#include "pg/connect_failure.h"
#include "pg/conninfo.h"
#include "pg/digits.h"
#include "pg/socket_wait.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;
using std::chrono::seconds;
using std::chrono::steady_clock;

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;
using Handle = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Keywords = std::map<std::string, std::string>;

std::string_view TextOrEmpty(const char* text) { return text != nullptr ? text : ""; }

// Never PQpass.
std::string Describe(const PGconn* handle) {
  const std::string_view host = TextOrEmpty(PQhost(handle));
  return fmt::format("{}:{} as {}", host.empty() ? "the default host" : host,
                     TextOrEmpty(PQport(handle)), TextOrEmpty(PQuser(handle)));
}

Handle StartConnecting(const Keywords& keywords) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  Handle handle(PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/0), &PQfinish);
  if (!handle) throw base::Error(ErrorKind::kUnavailable, "no memory for a connection");
  return handle;
}

// connect_timeout for each address, as libpq counts it itself when it blocks.
seconds TimeoutPerAddress(const ConnectOptions& options, const Keywords& keywords) {
  const auto own = keywords.find("connect_timeout");
  // Zero and less wait for ever, and so are replaced, as what is no number is.
  const auto value = own != keywords.end() ? ParseDigits<std::uint32_t>(own->second) : std::nullopt;
  return value && *value > 0 ? seconds(*value) : options.connect_timeout;
}

[[noreturn]] void FailToConnect(const PGconn* handle, const ConnectOptions& options) {
  ThrowConnectFailure({.target = Describe(handle),
                       .libpq_message = std::string(TextOrEmpty(PQerrorMessage(handle))),
                       .password_missing = PQconnectionNeedsPassword(handle) != 0,
                       .replication = options.replication});
}

void FinishConnecting(PGconn* handle, const ConnectOptions& options, seconds timeout) {
  std::string address;
  auto deadline = steady_clock::now() + timeout;
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) FailToConnect(handle, options);
    const std::string now = fmt::format("{}/{}", Describe(handle), TextOrEmpty(PQhostaddr(handle)));
    if (std::exchange(address, now) != now) deadline = steady_clock::now() + timeout;
    if (!WaitForSocket({.fd = PQsocket(handle),
                        .for_reading = status == PGRES_POLLING_READING,
                        .for_writing = status == PGRES_POLLING_WRITING,
                        .deadline = deadline},
                       options.stop)) {
      throw base::Error(
          ErrorKind::kUnavailable,
          fmt::format("{} did not answer within {} s", Describe(handle), timeout.count()),
          {"is the server running, and are host and port of the conninfo right?"});
    }
    status = PQconnectPoll(handle);
  }
}

// Unsent data is given up after answer_timeout. Unix sockets have no such thing and need none.
void SetTcpUserTimeout(const PGconn* handle, seconds timeout) {
  const auto milliseconds = static_cast<unsigned>(std::chrono::milliseconds(timeout).count());
  static_cast<void>(::setsockopt(PQsocket(handle), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds,
                                 sizeof(milliseconds)));
}

void IgnoreNotice(void* /*context*/, const PGresult* /*notice*/) {}

std::string SessionSettings(int server_version) {
  std::string sql =
      "SET search_path = pg_catalog;"
      "SET datestyle = 'ISO, YMD';"
      "SET timezone = 'UTC';"
      "SET bytea_output = hex;"
      "SET standard_conforming_strings = on;"
      "SET jit = off;"  // what we ask is never worth compiling
      "SET statement_timeout = 0;"
      "SET lock_timeout = 0;"
      "SET idle_in_transaction_session_timeout = 0;";
  if (server_version >= 140000) sql += "SET idle_session_timeout = 0;";
  if (server_version >= 170000) sql += "SET transaction_timeout = 0;";
  return sql;
}

ErrorKind KindOfSqlstate(std::string_view state) {
  if (state == "42501" || state.starts_with("28")) return ErrorKind::kDenied;
  for (const std::string_view unavailable : {"08", "57", "53"}) {
    if (state.starts_with(unavailable)) return ErrorKind::kUnavailable;
  }
  return ErrorKind::kInternal;
}

Row RowOf(const PGresult* result, int row) {
  Row cells;
  for (int column = 0; column < PQnfields(result); ++column) {
    if (PQgetisnull(result, row, column) != 0) {
      cells.emplace_back(std::nullopt);
    } else {
      cells.emplace_back(std::in_place, PQgetvalue(result, row, column),
                         static_cast<std::size_t>(PQgetlength(result, row, column)));
    }
  }
  return cells;
}

}  // namespace

SqlError::SqlError(ErrorKind kind, std::string message, std::string sqlstate)
    : Error(kind, std::move(message)), sqlstate_(std::move(sqlstate)) {}

struct Connection::State {
  ConnectOptions options;
  Handle handle{nullptr, &PQfinish};
  std::string description;
  int server_version = 0;

  // Runs one exchange with the server. A failure that leaves the exchange unfinished ends the
  // connection: what the server would still say belongs to no later question.
  template <typename Work>
  auto Exchange(Work&& work) {
    if (!handle) {
      throw base::Error(ErrorKind::kUnavailable,
                        fmt::format("the connection to {} has failed before", description));
    }
    try {
      return work();
    } catch (...) {
      const PGTransactionStatusType status = PQtransactionStatus(handle.get());
      if (status == PQTRANS_ACTIVE || status == PQTRANS_UNKNOWN) handle.reset();
      throw;
    }
  }

  [[noreturn]] void FailConnection() const {
    std::string message(TextOrEmpty(PQerrorMessage(handle.get())));
    message = message.substr(0, message.find('\n'));
    throw base::Error(ErrorKind::kUnavailable,
                      fmt::format("lost the connection to {}: {}", description, message));
  }

  void Wait(bool for_writing, seconds timeout) const {
    if (WaitForSocket({.fd = PQsocket(handle.get()),
                       .for_reading = true,
                       .for_writing = for_writing,
                       .deadline = steady_clock::now() + timeout},
                      options.stop)) {
      return;
    }
    throw base::Error(ErrorKind::kUnavailable,
                      fmt::format("{} did not answer within {} s", description, timeout.count()));
  }

  void Flush(seconds timeout) const {
    while (true) {
      const int status = PQflush(handle.get());
      if (status == 0) return;
      if (status < 0) FailConnection();
      Wait(/*for_writing=*/true, timeout);
      if (PQconsumeInput(handle.get()) == 0) FailConnection();
    }
  }

  // The next result, or null when the exchange is over.
  Result NextResult(seconds timeout) const {
    while (PQisBusy(handle.get()) != 0) {
      Wait(/*for_writing=*/false, timeout);
      // A failure is told by the result that libpq makes of it, which has the server's last words.
      if (PQconsumeInput(handle.get()) == 0) break;
    }
    return {PQgetResult(handle.get()), &PQclear};
  }

  [[noreturn]] void FailStatement(const PGresult* result) const {
    const std::string state(TextOrEmpty(PQresultErrorField(result, PG_DIAG_SQLSTATE)));
    if (state.empty()) FailConnection();
    std::string message =
        fmt::format("{} refused a statement: {}", description,
                    TextOrEmpty(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
    const std::string_view detail = TextOrEmpty(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
    if (!detail.empty()) message += fmt::format(" ({})", detail);
    SqlError error(KindOfSqlstate(state), std::move(message), state);
    const std::string_view hint = TextOrEmpty(PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
    if (!hint.empty()) error.AddHint(fmt::format("the server says: {}", hint));
    throw error;
  }

  void Send(const std::string& sql, Parameters parameters, seconds timeout) const {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters) {
      values.push_back(parameter ? parameter->c_str() : nullptr);
    }
    const int sent =
        options.replication
            ? PQsendQuery(handle.get(), sql.c_str())
            : PQsendQueryParams(handle.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                                values.data(), nullptr, nullptr, 0);
    if (sent == 0) FailConnection();
    Flush(timeout);
  }

  // Reads all results of what was sent; the last one with rows is the answer.
  std::vector<Row> Collect(seconds timeout) const {
    std::vector<Row> rows;
    Result failure(nullptr, &PQclear);
    while (Result result = NextResult(timeout)) {
      switch (PQresultStatus(result.get())) {
        case PGRES_TUPLES_OK:
          rows.clear();
          for (int i = 0; i < PQntuples(result.get()); ++i) rows.push_back(RowOf(result.get(), i));
          break;
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
          break;
        case PGRES_COPY_OUT:
        case PGRES_COPY_IN:
        case PGRES_COPY_BOTH:
          throw base::Error(ErrorKind::kInternal, "a statement that copies was run as a query");
        default:
          if (!failure) failure = std::move(result);
      }
    }
    if (failure) FailStatement(failure.get());
    if (PQstatus(handle.get()) != CONNECTION_OK) FailConnection();
    return rows;
  }

  void ApplySettings() {
    Exchange([&] {
      if (PQsendQuery(handle.get(), SessionSettings(server_version).c_str()) == 0) FailConnection();
      Flush(options.answer_timeout);
      Collect(options.answer_timeout);
    });
  }

  void CopyRows(BinaryCopyParser& parser) const {
    while (true) {
      char* raw = nullptr;
      const int size = PQgetCopyData(handle.get(), &raw, /*async=*/1);
      const std::unique_ptr<char, decltype(&PQfreemem)> owner(raw, &PQfreemem);
      if (size > 0) {
        parser.Feed(base::AsBytes({raw, static_cast<std::size_t>(size)}));
      } else if (size == 0) {
        Wait(/*for_writing=*/false, options.answer_timeout);
        if (PQconsumeInput(handle.get()) == 0) FailConnection();
      } else {
        return;  // the end or a failure: the next result tells
      }
    }
  }
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Connection Connection::Open(const ConnectOptions& options) {
  const Keywords keywords = ConnectKeywords(options);
  auto state = std::make_unique<State>();
  state->options = options;
  state->handle = StartConnecting(keywords);
  PGconn* const handle = state->handle.get();
  if (PQstatus(handle) == CONNECTION_BAD) FailToConnect(handle, options);
  // For the SQLSTATE of a refusal: see connect_failure.h.
  PQsetErrorVerbosity(handle, PQERRORS_VERBOSE);
  PQsetNoticeReceiver(handle, &IgnoreNotice, nullptr);
  FinishConnecting(handle, options, TimeoutPerAddress(options, keywords));
  PQsetErrorVerbosity(handle, PQERRORS_DEFAULT);
  SetTcpUserTimeout(handle, options.answer_timeout);
  state->description = Describe(handle);
  state->server_version = PQserverVersion(handle);
  if (PQsetnonblocking(handle, 1) != 0) state->FailConnection();
  if (!options.replication) state->ApplySettings();
  return Connection(std::move(state));
}

std::vector<Row> Connection::Query(const std::string& sql, Parameters parameters,
                                   const QueryOptions& options) {
  const seconds timeout = options.answer_timeout.value_or(state_->options.answer_timeout);
  if (state_->options.replication && !parameters.empty()) {
    throw base::Error(ErrorKind::kInternal, "a replication connection takes no parameters");
  }
  return state_->Exchange([&] {
    state_->Send(sql, parameters, timeout);
    return state_->Collect(timeout);
  });
}

std::string Connection::QueryValue(const std::string& sql, Parameters parameters,
                                   const QueryOptions& options) {
  const std::vector<Row> rows = Query(sql, parameters, options);
  if (rows.size() != 1 || rows[0].size() != 1 || !rows[0][0]) {
    throw base::Error(
        ErrorKind::kInternal,
        fmt::format("{} did not answer a query with exactly one value", state_->description));
  }
  return *rows[0][0];
}

void Connection::CopyBinary(const std::string& query, const CopyRowFunction& row) {
  const seconds timeout = state_->options.answer_timeout;
  state_->Exchange([&] {
    state_->Send(fmt::format("COPY ({}) TO STDOUT (FORMAT binary)", query), {}, timeout);
    const Result start = state_->NextResult(timeout);
    if (!start || PQresultStatus(start.get()) != PGRES_COPY_OUT) {
      // The rest of the exchange, so that the connection can be used again.
      while (state_->NextResult(timeout)) {
      }
      if (!start) state_->FailConnection();
      state_->FailStatement(start.get());
    }
    BinaryCopyParser parser(row);
    state_->CopyRows(parser);
    state_->Collect(timeout);
    parser.Finish();
  });
}

int Connection::server_version() const { return state_->server_version; }
const ConnectOptions& Connection::options() const { return state_->options; }
std::string Connection::host_description() const { return state_->description; }

PGconn* Connection::raw() const {
  if (!state_->handle) {
    throw base::Error(ErrorKind::kUnavailable,
                      fmt::format("the connection to {} has failed before", state_->description));
  }
  return state_->handle.get();
}

}  // namespace holdfast::pg
