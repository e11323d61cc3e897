#include "cli/server_position.h"

#include <array>
#include <optional>
#include <string>

#include "base/error.h"
#include "pg/replication.h"
#include "wal/stream.h"

namespace holdfast::cli {
namespace {

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::chrono::seconds kAnswerTimeout{15};

constexpr const char* kQuery =
    "SELECT (SELECT system_identifier FROM pg_control_system()), "
    "CASE WHEN pg_is_in_recovery() "
    "THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) "
    "ELSE pg_current_wal_flush_lsn() END, "
    "CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint()) "
    "ELSE ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int END, "
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

}  // namespace

ServerPosition ReadServerPosition(pg::ConnectOptions connect, std::string_view slot_name) {
  connect.connect_timeout = kConnectTimeout;
  connect.answer_timeout = kAnswerTimeout;
  pg::Connection connection = pg::Connection::Open(connect);
  const std::vector<pg::Row> rows = connection.Query(kQuery);
  const pg::Row& row = rows.at(0);
  if (!row.at(1))
    throw base::Error(base::ErrorKind::kUnavailable,
                      "the server cannot tell how far its WAL reaches");
  ServerPosition position{
      .system = pg::SystemIdentifier(std::stoull(row.at(0).value())),
      .timeline = pg::TimelineId(static_cast<std::uint32_t>(std::stoul(row.at(2).value()))),
      .flushed = pg::ParseLsn(*row.at(1)),
      .now = base::Time(base::Duration(std::stoll(row.at(3).value())))};
  const auto slot = pg::FindSlot(connection, slot_name);
  position.slot_lost = slot && slot->wal_status == "lost";
  const std::array<std::optional<std::string>, 1> receiver = {wal::ReceiverSessionName(slot_name)};
  position.receiver_connected =
      !connection
           .Query("SELECT 1 FROM pg_stat_activity WHERE application_name = $1 LIMIT 1", receiver)
           .empty();
  return position;
}

}  // namespace holdfast::cli
