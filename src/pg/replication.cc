#include "pg/replication.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <utility>

#include "pg/digits.h"
#include "pg/replication_message.h"
#include "pg/socket_wait.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr std::string_view kUndefinedFile = "58P01";

template <typename Number>
Number ParseNumber(std::string_view text, std::string_view what) {
  const auto number = ParseDigits<Number>(text);
  if (!number) {
    throw base::Error(ErrorKind::kCorrupt,
                      fmt::format("the server named a {} that is none: {}", what, text));
  }
  return *number;
}

std::string_view Field(const PGresult* result, int field) {
  const char* const text = PQresultErrorField(result, field);
  return text != nullptr ? text : "";
}

bool IsConnectionTrouble(std::string_view state) {
  return state.empty() || state.starts_with("08") || state.starts_with("57") ||
         state.starts_with("53");
}

}  // namespace

struct ReplicationStream::State {
  explicit State(Connection opened) : connection(std::move(opened)) {}

  Connection connection;
  bool identified = false;
  bool streaming = false;
  // Told by Start or the end of the copy, to be handed out by the next Receive.
  std::optional<TimelineEnd> ended;
  Lsn from;
  TimelineId timeline;
  Positions reported;
  base::Time reported_at;
  steady_clock::time_point heard = steady_clock::now();
  bool asked = false;

  PGconn* handle() const { return connection.raw(); }
  milliseconds answer_timeout() const { return connection.options().answer_timeout; }

  [[noreturn]] void Fail(ErrorKind kind, std::string message) {
    streaming = false;
    throw base::Error(kind,
                      fmt::format("{}: {}", connection.host_description(), std::move(message)));
  }

  [[noreturn]] void FailConnection() {
    const std::string_view message = PQerrorMessage(handle());
    Fail(ErrorKind::kUnavailable,
         fmt::format("lost the replication connection: {}", message.substr(0, message.find('\n'))));
  }

  bool Wait(steady_clock::time_point deadline, bool for_writing = false) const {
    return WaitForSocket({.fd = PQsocket(handle()),
                          .for_reading = true,
                          .for_writing = for_writing,
                          .deadline = deadline},
                         connection.options().stop);
  }

  void Flush() {
    const auto deadline = steady_clock::now() + answer_timeout();
    while (true) {
      const int status = PQflush(handle());
      if (status == 0) return;
      if (status < 0) FailConnection();
      if (!Wait(deadline, /*for_writing=*/true)) {
        Fail(ErrorKind::kUnavailable, "the server takes no messages any more");
      }
      if (PQconsumeInput(handle()) == 0) FailConnection();
    }
  }

  Result NextResult() {
    const auto deadline = steady_clock::now() + answer_timeout();
    while (PQisBusy(handle()) != 0) {
      if (!Wait(deadline)) Fail(ErrorKind::kUnavailable, "the server does not answer");
      if (PQconsumeInput(handle()) == 0) break;
    }
    return {PQgetResult(handle()), &PQclear};
  }

  // `result` is what the server said instead of streaming on.
  [[noreturn]] void FailStream(const PGresult* result) {
    streaming = false;
    // The rest of the exchange, so that another Start can follow.
    while (NextResult()) {
    }
    const std::string state(Field(result, PG_DIAG_SQLSTATE));
    if (state.empty()) FailConnection();
    const bool gone = state == kUndefinedFile;
    const ErrorKind kind = gone                         ? ErrorKind::kNotFound
                           : IsConnectionTrouble(state) ? ErrorKind::kUnavailable
                           : state == "42501"           ? ErrorKind::kDenied
                                                        : ErrorKind::kConflict;
    SqlError error(
        kind,
        fmt::format("{} does not stream from {} on timeline {}: {}", connection.host_description(),
                    FormatLsn(from), timeline.value(), Field(result, PG_DIAG_MESSAGE_PRIMARY)),
        state);
    if (gone) error.AddHint("take a new backup; a replication slot keeps WAL until it is received");
    throw error;
  }

  // A result set with the next timeline and where it begins, then the end of the command.
  TimelineEnd TakeTimelineEnd(const PGresult* result) {
    if (PQntuples(result) != 1 || PQnfields(result) != 2) {
      Fail(ErrorKind::kCorrupt, "the end of a timeline is told in an unknown form");
    }
    const TimelineEnd end{.next_timeline = TimelineId(
                              ParseNumber<std::uint32_t>(PQgetvalue(result, 0, 0), "timeline")),
                          .switch_lsn = ParseLsn(PQgetvalue(result, 0, 1))};
    while (const Result rest = NextResult()) {
      if (PQresultStatus(rest.get()) != PGRES_COMMAND_OK) FailStream(rest.get());
    }
    return end;
  }

  // After the server's CopyDone, or its error.
  TimelineEnd EndCopy() {
    streaming = false;
    Result result = NextResult();
    if (result && PQresultStatus(result.get()) == PGRES_COPY_IN) {
      if (PQputCopyEnd(handle(), nullptr) != 1) FailConnection();
      Flush();
      result = NextResult();
    }
    if (!result) FailConnection();
    if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) return TakeTimelineEnd(result.get());
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) {
      Fail(ErrorKind::kUnavailable, "the server ended the stream because it is stopping");
    }
    FailStream(result.get());
  }

  // A server that has nothing to say for half the time is asked whether it is there.
  void CheckSilence() {
    const auto silence = steady_clock::now() - heard;
    if (silence >= answer_timeout()) {
      const auto seconds = connection.options().answer_timeout.count();
      Fail(ErrorKind::kUnavailable, fmt::format("nothing came within {} s", seconds));
    }
    if (silence >= answer_timeout() / 2 && !std::exchange(asked, true)) SendReported(true);
  }

  void SendReported(bool request_reply) {
    const base::Bytes message = FormatStatusUpdate({.written = reported.written,
                                                    .flushed = reported.flushed,
                                                    .now = reported_at,
                                                    .request_reply = request_reply});
    const std::string_view text = base::AsText(message);
    while (true) {
      const int status = PQputCopyData(handle(), text.data(), static_cast<int>(text.size()));
      if (status < 0) FailConnection();
      Flush();
      if (status > 0) return;
    }
  }

  std::optional<StreamEvent> TakeMessage() {
    char* raw = nullptr;
    const int size = PQgetCopyData(handle(), &raw, /*async=*/1);
    const std::unique_ptr<char, decltype(&PQfreemem)> owner(raw, &PQfreemem);
    if (size == 0) return std::nullopt;
    if (size < 0) return EndCopy();
    heard = steady_clock::now();
    asked = false;
    return std::visit([](auto message) { return StreamEvent(std::move(message)); },
                      ParseStreamMessage(base::AsBytes({raw, static_cast<std::size_t>(size)})));
  }

  steady_clock::time_point NextCheck() const {
    return heard + (asked ? answer_timeout() : answer_timeout() / 2);
  }
};

ReplicationStream::ReplicationStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReplicationStream::~ReplicationStream() = default;
ReplicationStream::ReplicationStream(ReplicationStream&&) noexcept = default;

ReplicationStream ReplicationStream::Connect(ConnectOptions options) {
  options.replication = true;
  return ReplicationStream(std::make_unique<State>(Connection::Open(options)));
}

SystemIdentity ReplicationStream::Identify() {
  const std::vector<Row> rows = state_->connection.Query("IDENTIFY_SYSTEM");
  if (rows.size() != 1 || rows[0].size() < 3 || !rows[0][0] || !rows[0][1] || !rows[0][2]) {
    state_->Fail(ErrorKind::kCorrupt, "the server does not say which cluster it is");
  }
  const Row& row = rows[0];
  state_->identified = true;
  return {.system_identifier =
              SystemIdentifier(ParseNumber<std::uint64_t>(*row[0], "system identifier")),
          .timeline = TimelineId(ParseNumber<std::uint32_t>(*row[1], "timeline")),
          .flush_lsn = ParseLsn(*row[2])};
}

std::string ReplicationStream::TimelineHistory(TimelineId timeline) {
  try {
    const std::vector<Row> rows =
        state_->connection.Query(fmt::format("TIMELINE_HISTORY {}", timeline.value()));
    if (rows.size() != 1 || rows[0].size() != 2 || !rows[0][1]) {
      state_->Fail(ErrorKind::kCorrupt, "a timeline's history is told in an unknown form");
    }
    return *rows[0][1];
  } catch (const SqlError& error) {
    if (error.sqlstate() != kUndefinedFile) throw;
    state_->Fail(ErrorKind::kNotFound,
                 fmt::format("the server has no history of timeline {}", timeline.value()));
  }
}

void ReplicationStream::Start(Lsn from, TimelineId timeline) {
  State& state = *state_;
  state.from = from;
  state.timeline = timeline;
  state.ended.reset();
  // 13 only knows its own timeline after that.
  if (!state.identified) Identify();
  const std::string command =
      fmt::format("START_REPLICATION PHYSICAL {} TIMELINE {}", FormatLsn(from), timeline.value());
  if (PQsendQuery(state.handle(), command.c_str()) == 0) state.FailConnection();
  state.Flush();
  const Result result = state.NextResult();
  if (!result) state.FailConnection();
  switch (PQresultStatus(result.get())) {
    case PGRES_COPY_BOTH:
      state.streaming = true;
      state.heard = steady_clock::now();
      state.asked = false;
      return;
    case PGRES_TUPLES_OK:  // nothing is left to send on this timeline
      state.ended = state.TakeTimelineEnd(result.get());
      return;
    default:
      state.FailStream(result.get());
  }
}

StreamEvent ReplicationStream::Receive(milliseconds wait) {
  State& state = *state_;
  if (state.ended) return *std::exchange(state.ended, std::nullopt);
  if (!state.streaming) state.Fail(ErrorKind::kUnavailable, "the stream is not running");
  const auto deadline = steady_clock::now() + wait;
  while (true) {
    if (std::optional<StreamEvent> event = state.TakeMessage()) return std::move(*event);
    state.CheckSilence();
    if (!state.Wait(std::min(deadline, state.NextCheck()))) {
      if (steady_clock::now() >= deadline) return NothingYet{};
    } else if (PQconsumeInput(state.handle()) == 0) {
      // The server's last words, if any, come before the closed connection is reported.
      if (std::optional<StreamEvent> event = state.TakeMessage()) return std::move(*event);
      state.FailConnection();
    }
  }
}

void ReplicationStream::SendStatus(const Positions& positions, base::Time now, bool request_reply) {
  State& state = *state_;
  if (!state.streaming) state.Fail(ErrorKind::kUnavailable, "the stream is not running");
  state.reported = positions;
  state.reported_at = now;
  state.SendReported(request_reply);
}

}  // namespace holdfast::pg
