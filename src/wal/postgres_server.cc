// A WalServer that is PostgreSQL.
#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "pg/connection.h"
#include "pg/replication.h"
#include "wal/sql_source.h"
#include "wal/wal_server.h"

namespace holdfast::wal {

namespace {

class PostgresSession final : public ServerSession {
 public:
  PostgresSession(const pg::ConnectOptions& connect, std::string slot_name)
      : connection_(pg::Connection::Open(connect)), slot_name_(std::move(slot_name)) {
    const std::array<std::optional<std::string>, 1> name = {ReceiverSessionName(slot_name_)};
    (void)connection_.Query("SELECT set_config('application_name', $1, false)", name);
  }

  ServerFacts Facts() override {
    const std::vector<pg::Row> rows = connection_.Query(
        "SELECT (SELECT system_identifier FROM pg_control_system()), "
        "(SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'), pg_is_in_recovery()");
    const pg::Row& row = rows.at(0);
    return {.system = pg::SystemIdentifier(std::stoull(row.at(0).value())),
            .segment_size = pg::SegmentSize::FromBytes(std::stoull(row.at(1).value())),
            .in_recovery = row.at(2) == "t"};
  }
  std::optional<pg::SlotInfo> FindSlot() override { return pg::FindSlot(connection_, slot_name_); }
  void CreateSlot() override { pg::CreateSlot(connection_, slot_name_); }
  void DropSlot() override { pg::DropSlot(connection_, slot_name_); }
  void AdvanceSlot(pg::Lsn to) override { pg::AdvanceSlot(connection_, slot_name_, to); }

 private:
  pg::Connection connection_;
  std::string slot_name_;
};

class ReplicationSource final : public WalSource {
 public:
  explicit ReplicationSource(pg::ReplicationStream stream) : stream_(std::move(stream)) {}

  StreamMethod method() const override { return StreamMethod::kReplication; }
  pg::SystemIdentity Identify() override { return stream_.Identify(); }
  std::string TimelineHistory(pg::TimelineId timeline) override {
    return stream_.TimelineHistory(timeline);
  }
  void Start(pg::Lsn from, pg::TimelineId timeline) override { stream_.Start(from, timeline); }
  pg::StreamEvent Receive(std::chrono::milliseconds wait) override { return stream_.Receive(wait); }
  void SendStatus(pg::Lsn flushed, base::Time now) override {
    stream_.SendStatus({.written = flushed, .flushed = flushed}, now);
  }

 private:
  pg::ReplicationStream stream_;
};

class PostgresServer final : public WalServer {
 public:
  PostgresServer(const StreamOptions& options, base::Clock& clock)
      : connect_(options.connect),
        slot_name_(options.slot_name),
        poll_interval_(options.poll_interval),
        clock_(&clock) {}

  std::unique_ptr<ServerSession> OpenSession(const std::stop_token& stop) override {
    return std::make_unique<PostgresSession>(Connect(stop), slot_name_);
  }

  std::unique_ptr<WalSource> OpenSource(StreamMethod method, const std::stop_token& stop) override {
    if (method == StreamMethod::kSql) {
      return OpenSqlSource(Connect(stop), poll_interval_, *clock_);
    }
    return std::make_unique<ReplicationSource>(pg::ReplicationStream::Connect(Connect(stop)));
  }

 private:
  pg::ConnectOptions Connect(const std::stop_token& stop) const {
    pg::ConnectOptions connect = connect_;
    connect.stop = stop;
    return connect;
  }

  pg::ConnectOptions connect_;
  std::string slot_name_;
  std::chrono::milliseconds poll_interval_;
  base::Clock* clock_;
};

}  // namespace

std::unique_ptr<WalServer> OpenPostgresServer(const StreamOptions& options, base::Clock& clock) {
  return std::make_unique<PostgresServer>(options, clock);
}

}  // namespace holdfast::wal
