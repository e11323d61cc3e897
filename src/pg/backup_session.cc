#include "pg/backup_session.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/random.h"
#include "pg/backup_label.h"
#include "pg/digits.h"
#include "pg/tablespaces.h"
#include "pg/version.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;

// pg_backup_stop writes one record, a history file, and switches the segment.
constexpr std::chrono::seconds kStopTimeout{600};

[[noreturn]] void Conflict(std::string message, std::vector<std::string> hints = {}) {
  throw base::Error(ErrorKind::kConflict, std::move(message), std::move(hints));
}

std::int32_t RandomKey() {
  std::array<std::uint8_t, 4> bytes{};
  base::FillRandom(bytes);
  return static_cast<std::int32_t>(std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
                                   std::uint32_t{bytes[2]} << 8 | bytes[3]);
}

// pg_locks shows the keys as oids, which are unsigned.
std::string AsOid(std::int32_t key) { return fmt::format("{}", static_cast<std::uint32_t>(key)); }

void RefuseWhatCannotBeBackedUp(const ClusterFacts& facts, const Connection& connection) {
  MajorVersion::FromServerVersionNumber(static_cast<std::uint32_t>(facts.server_version));
  if (facts.wal_level == "minimal") {
    Conflict(fmt::format("{} has wal_level = minimal, which leaves out what a backup needs",
                         connection.host_description()),
             {"set wal_level = replica in postgresql.conf and restart the server"});
  }
}

PostmasterProof TakeProof(Connection& connection, const ClusterFacts& facts) {
  PostmasterProof proof{.key1 = RandomKey(),
                        .key2 = RandomKey(),
                        .backend_pid = 0,
                        .postmaster_start = facts.postmaster_start,
                        .slot = {}};
  const std::optional<std::string> keys[] = {fmt::format("{}", proof.key1),
                                             fmt::format("{}", proof.key2)};
  const std::vector<Row> rows =
      connection.Query("SELECT pg_backend_pid(), pg_try_advisory_lock($1::int, $2::int)", keys);
  if (rows.at(0).at(1) != "t") {
    Conflict(fmt::format("{}: another session holds a lock with the same random keys",
                         connection.host_description()));
  }
  proof.backend_pid = std::stoi(rows[0].at(0).value());
  return proof;
}

// By the server's clock, to the microsecond.
base::Time ServerTime(Connection& connection) {
  return base::Time(base::Duration(std::stoll(
      connection.QueryValue("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))));
}

void AddGrantHint(SqlError& error) {
  if (error.kind() == ErrorKind::kDenied) {
    error.AddHint("the role lacks a grant: holdfast check prints the statements");
  }
}

Lsn StartBackup(Connection& connection, const BackupSessionOptions& options) {
  const std::optional<std::string> parameters[] = {options.label,
                                                   options.fast_checkpoint ? "t" : "f"};
  const bool old_name = connection.server_version() < 150000;
  try {
    return ParseLsn(connection.QueryValue(old_name ? "SELECT pg_start_backup($1, $2::bool, false)"
                                                   : "SELECT pg_backup_start($1, $2::bool)",
                                          parameters,
                                          {.answer_timeout = options.checkpoint_timeout}));
  } catch (SqlError& error) {
    AddGrantHint(error);
    throw;
  }
}

Row StopBackup(Connection& connection) {
  const bool old_name = connection.server_version() < 150000;
  const std::vector<Row> rows =
      connection.Query(old_name ? "SELECT lsn, labelfile, spcmapfile FROM pg_stop_backup(false, "
                                  "false)"
                                : "SELECT lsn, labelfile, spcmapfile FROM pg_backup_stop(false)",
                       {}, {.answer_timeout = kStopTimeout});
  return rows.at(0);
}

// The checkpoint that the backup's start has waited for is in the control file.
TimelineId TimelineOfLastCheckpoint(Connection& connection) {
  const std::string text = connection.QueryValue("SELECT timeline_id FROM pg_control_checkpoint()");
  return TimelineId(ParseDigits<std::uint32_t>(text).value());
}

// On a standby that of the WAL which makes the backup consistent; on a primary the one that is
// written on: the first part of a segment's name.
TimelineId TimelineAtStop(Connection& connection, const ClusterFacts& facts, Lsn lsn) {
  if (facts.in_recovery) {
    const std::string text =
        connection.QueryValue("SELECT min_recovery_end_timeline FROM pg_control_recovery()");
    return TimelineId(ParseDigits<std::uint32_t>(text).value());
  }
  const std::optional<std::string> parameters[] = {FormatLsn(lsn)};
  const std::string name = connection.QueryValue("SELECT pg_walfile_name($1::pg_lsn)", parameters);
  const auto timeline = ParseUpperHex(std::string_view(name).substr(0, 8));
  if (!timeline) {
    throw base::Error(ErrorKind::kInternal, fmt::format("{} is no segment's name", name));
  }
  return TimelineId(*timeline);
}

}  // namespace

void ProveSamePostmaster(Connection& connection, const PostmasterProof& proof) {
  const std::optional<std::string> parameters[] = {AsOid(proof.key1), AsOid(proof.key2),
                                                   fmt::format("{}", proof.backend_pid)};
  const std::vector<Row> rows = connection.Query(
      "SELECT pg_postmaster_start_time(), EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' "
      "AND classid = $1::oid AND objid = $2::oid AND objsubid = 2 AND pid = $3::int AND granted)",
      parameters);
  if (rows.at(0).at(0) == proof.postmaster_start && rows[0].at(1) == "t") return;
  Conflict(
      fmt::format("{} is not the server that the backup runs on", connection.host_description()),
      {"every connection of a backup must reach one server: name a single host, or "
       "target_session_attrs=read-write, and pass by poolers that spread connections"});
}

struct BackupSession::State {
  Connection connection;
  ClusterFacts facts;
  PostmasterProof proof;
  BackupStart start;
  bool stopped = false;

  void RequireSameServer() {
    const std::vector<Row> rows = connection.Query(
        "SELECT pg_backend_pid(), pg_postmaster_start_time(), pg_is_in_recovery()");
    const Row& row = rows.at(0);
    const bool same =
        row.at(0) == fmt::format("{}", proof.backend_pid) && row.at(1) == proof.postmaster_start;
    const bool in_recovery = row.at(2) == "t";
    if (same && in_recovery == facts.in_recovery) return;
    if (same && facts.in_recovery) {
      Conflict(fmt::format("{} was promoted during the backup", connection.host_description()),
               {"take the backup again"});
    }
    Conflict(fmt::format("{} is no longer the server session that the backup was started in",
                         connection.host_description()),
             {"connect to the server itself, not through a pooler"});
  }

  void RequireOwnLabel(const std::string& text) const {
    const BackupLabel label = ParseBackupLabel(text);
    if (label.start == start.lsn && label.timeline == start.timeline) return;
    Conflict(
        fmt::format("the server's backup label starts at {} on timeline {}, the backup at {} "
                    "on timeline {}",
                    FormatLsn(label.start), label.timeline.value(), FormatLsn(start.lsn),
                    start.timeline.value()));
  }
};

BackupSession::BackupSession(std::unique_ptr<State> state) : state_(std::move(state)) {}
BackupSession::~BackupSession() = default;  // the server aborts a backup whose session ends
BackupSession::BackupSession(BackupSession&&) noexcept = default;

BackupSession BackupSession::Start(const BackupSessionOptions& options) {
  Connection connection = Connection::Open(options.connect);
  ClusterFacts facts = ReadClusterFacts(connection);
  RefuseWhatCannotBeBackedUp(facts, connection);
  if (options.approve) options.approve(facts);
  PostmasterProof proof = TakeProof(connection, facts);
  proof.slot = options.slot;
  BackupStart start;
  start.lsn = StartBackup(connection, options);
  // One that was made while the server wrote its checkpoint is in no WAL of this backup.
  facts.tablespaces = ReadTablespaces(connection);
  start.timeline = TimelineOfLastCheckpoint(connection);
  start.time = ServerTime(connection);
  auto state = std::make_unique<State>(State{.connection = std::move(connection),
                                             .facts = std::move(facts),
                                             .proof = std::move(proof),
                                             .start = start});
  state->RequireSameServer();
  return BackupSession(std::move(state));
}

const ClusterFacts& BackupSession::facts() const { return state_->facts; }
const BackupStart& BackupSession::start() const { return state_->start; }
const PostmasterProof& BackupSession::proof() const { return state_->proof; }
Connection& BackupSession::connection() { return state_->connection; }
void BackupSession::KeepAlive() { state_->RequireSameServer(); }

BackupStop BackupSession::Stop() {
  if (std::exchange(state_->stopped, true)) {
    throw base::Error(ErrorKind::kInternal, "a backup was stopped twice");
  }
  state_->RequireSameServer();
  Connection& connection = state_->connection;
  Row row = StopBackup(connection);
  BackupStop stop;
  stop.lsn = ParseLsn(row.at(0).value());
  stop.backup_label = row.at(1).value();
  stop.tablespace_map = row.at(2).value_or("");
  stop.timeline = TimelineAtStop(connection, state_->facts, stop.lsn);
  stop.time = ServerTime(connection);
  if (stop.timeline != state_->start.timeline) {
    Conflict(fmt::format("the server changed from timeline {} to {} during the backup",
                         state_->start.timeline.value(), stop.timeline.value()),
             {"take the backup again"});
  }
  state_->RequireOwnLabel(stop.backup_label);
  state_->RequireSameServer();
  return stop;
}

}  // namespace holdfast::pg
