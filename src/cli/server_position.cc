#include "cli/server_position.h"

#include <fmt/format.h>

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
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint, "
    "current_setting('archive_mode') = 'always' OR "
    "(current_setting('archive_mode') = 'on' AND NOT pg_is_in_recovery()), "
    "(SELECT last_failed_wal FROM pg_stat_archiver "
    "WHERE coalesce(last_failed_time > last_archived_time, last_failed_time IS NOT NULL)), "
    "pg_is_in_recovery()";

pg::Connection Open(pg::ConnectOptions& connect) {
  connect.connect_timeout = kConnectTimeout;
  connect.answer_timeout = kAnswerTimeout;
  return pg::Connection::Open(connect);
}

base::Time TimeOf(const std::string& microseconds) {
  return base::Time(base::Duration(std::stoll(microseconds)));
}

}  // namespace

ServerPosition ReadServerPosition(pg::ConnectOptions connect, std::string_view slot_name) {
  pg::Connection connection = Open(connect);
  const std::vector<pg::Row> rows = connection.Query(kQuery);
  const pg::Row& row = rows.at(0);
  if (!row.at(1))
    throw base::Error(base::ErrorKind::kUnavailable,
                      "the server cannot tell how far its WAL reaches");
  ServerPosition position{
      .system = pg::SystemIdentifier(std::stoull(row.at(0).value())),
      .timeline = pg::TimelineId(static_cast<std::uint32_t>(std::stoul(row.at(2).value()))),
      .flushed = pg::ParseLsn(*row.at(1)),
      .now = TimeOf(row.at(3).value()),
      .in_recovery = row.at(6) == "t",
      .archives = row.at(4) == "t",
      .archiving_failed = row.at(5).value_or("")};
  const auto slot = pg::FindSlot(connection, slot_name);
  position.slot_lost = slot && slot->wal_status == "lost";
  const std::array<std::optional<std::string>, 1> receiver = {wal::ReceiverSessionName(slot_name)};
  position.receiver_connected =
      !connection
           .Query("SELECT 1 FROM pg_stat_activity WHERE application_name = $1 LIMIT 1", receiver)
           .empty();
  return position;
}

std::optional<base::Time> SegmentWritten(pg::ConnectOptions connect, pg::SegmentNumber segment,
                                         pg::SegmentSize size) {
  // Whichever timeline was the server's when it wrote the segment.
  const std::string name = pg::FormatSegmentName(pg::TimelineId(1), segment, size).substr(8);
  const std::optional<std::string> names[] = {fmt::format("^[0-9A-F]{{8}}{}(\\.partial)?$", name)};
  const auto rows = Open(connect).Query(
      "SELECT (extract(epoch FROM max((pg_stat_file('pg_wal/' || name, true)).modification)) * "
      "1000000)::bigint FROM pg_ls_dir('pg_wal', true, false) AS name WHERE name ~ $1",
      names);
  const std::optional<std::string>& written = rows.at(0).at(0);
  return written ? std::optional(TimeOf(*written)) : std::nullopt;
}

}  // namespace holdfast::cli
