#include "cli/check_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <utility>

#include "base/time_text.h"
#include "cli/source_access.h"
#include "pg/backup_session.h"
#include "pg/cluster_reader.h"
#include "pg/grants.h"
#include "pg/local_cluster.h"
#include "pg/version.h"

namespace holdfast::cli {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};
constexpr std::chrono::seconds kAnswerTimeout{30};
constexpr const char* kLook = "is the server running, and is the source's connection right?";

bool IsTrue(const std::optional<std::string>& cell) { return cell == "t"; }

void ReadSettings(pg::Connection& connection, ServerView& view) {
  for (const pg::Row& row : connection.Query(
           "SELECT name, setting FROM pg_settings WHERE name IN ('wal_level', 'fsync', "
           "'full_page_writes', 'max_slot_wal_keep_size', 'synchronous_standby_names', "
           "'synchronous_commit', 'archive_mode', 'archive_command', 'max_replication_slots', "
           "'max_wal_senders', 'idle_replication_slot_timeout') "
           // What is said of the own role or database says nothing of the others.
           "AND NOT (name = 'synchronous_commit' AND source IN ('database', 'user', 'database "
           "user'))"))
    view.settings.emplace(row.at(0).value(), row.at(1).value_or(""));
}

void ReadRole(pg::Connection& connection, ServerView& view) {
  const pg::Row row =
      connection
          .Query(
              "SELECT rolname, rolsuper OR rolreplication, "
              "pg_has_role(oid, 'pg_read_all_settings', 'USAGE'), "
              "pg_has_role(oid, 'pg_read_server_files', 'USAGE'), pg_is_in_recovery(), "
              "current_setting('application_name') "
              "FROM pg_roles WHERE rolname = current_user")
          .at(0);
  view.role = row.at(0).value();
  view.replicates = IsTrue(row.at(1));
  view.reads_settings = IsTrue(row.at(2));
  view.reads_files = IsTrue(row.at(3));
  view.in_recovery = IsTrue(row.at(4));
  view.application_name = row.at(5).value_or("");
  for (const std::string_view function : pg::GrantedFunctions(view.version)) {
    const std::optional<std::string> name[] = {fmt::format("pg_catalog.{}", function)};
    const auto answer = connection.Query(
        "SELECT has_function_privilege(to_regprocedure($1)::oid, 'EXECUTE')", name);
    (IsTrue(answer.at(0).at(0)) ? view.granted : view.missing).emplace_back(function);
  }
}

void ReadSynchronous(pg::Connection& connection, ServerView& view) {
  for (const pg::Row& row : connection.Query(
           "SELECT concat_ws(' in ', CASE WHEN setrole <> 0 THEN 'role ' || "
           "coalesce(rolname, setrole::text) WHEN setdatabase = 0 THEN 'all roles' END, "
           "CASE WHEN setdatabase <> 0 THEN 'database ' || coalesce(datname, setdatabase::text) "
           "END), lower(split_part(entry, '=', 2)) "
           "FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole "
           "LEFT JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS entry "
           "WHERE lower(split_part(entry, '=', 1)) = 'synchronous_commit' ORDER BY 1"))
    view.commit_settings.push_back({row.at(0).value_or(""), row.at(1).value_or("")});
  for (const pg::Row& row : connection.Query("SELECT application_name FROM pg_stat_replication "
                                             "WHERE application_name IS NOT NULL"))
    view.standbys.push_back(row.at(0).value());
}

void ReadReplication(pg::Connection& connection, std::string_view slot_name, ServerView& view) {
  const pg::Row row = connection
                          .Query(
                              "SELECT (SELECT count(*) FROM pg_replication_slots), "
                              "(SELECT count(*) FROM pg_stat_replication), "
                              "(SELECT coalesce(last_failed_time > last_archived_time, "
                              "last_failed_time IS NOT NULL) FROM pg_stat_archiver)")
                          .at(0);
  view.slots_used = std::stoull(row.at(0).value());
  view.senders_used = std::stoull(row.at(1).value());
  view.archiving_fails = IsTrue(row.at(2));
  view.slot = pg::FindSlot(connection, slot_name);
  if (!view.slot || !view.slot->restart_lsn) return;
  const std::optional<std::string> from[] = {pg::FormatLsn(*view.slot->restart_lsn)};
  const auto held = connection.Query(
      "SELECT greatest(0, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() "
      "THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END, $1::pg_lsn))::bigint",
      from);
  if (held.at(0).at(0)) view.slot_holds_back = std::stoull(*held[0][0]);
}

class ClusterCheck {
 public:
  ClusterCheck(Session& session, const config::Source& source)
      : session_(session), source_(source), connect_(ConnectOptionsOf(session, source)) {
    connect_.connect_timeout = kConnectTimeout;
    connect_.answer_timeout = kAnswerTimeout;
  }

  std::vector<CheckItem> Run() {
    Guard("connection", kLook, [&] {
      pg::Connection connection = pg::Connection::Open(connect_);
      Add({"connection", CheckState::kOk, connection.host_description(), {}});
      CheckConnected(connection);
    });
    if (Streams()) CheckSpool();
    return std::move(items_);
  }

 private:
  bool Streams() const { return source_.wal != config::WalMode::kPush; }
  bool Pushes() const { return source_.wal != config::WalMode::kStream; }

  void Add(CheckItem item) { items_.push_back(std::move(item)); }
  void Add(std::vector<CheckItem> items) {
    for (CheckItem& item : items) Add(std::move(item));
  }

  template <typename Work>
  void Guard(const char* name, const char* hint, Work&& work) {
    try {
      work();
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) throw;
      Add(FailedWith(name, error, hint));
    }
  }

  void CheckConnected(pg::Connection& connection) {
    ServerView view{.source = source_.name, .version = connection.server_version()};
    Guard("server", kLook, [&] {
      ReadSettings(connection, view);
      ReadRole(connection, view);
      ReadReplication(connection, source_.slot_name, view);
      ReadSynchronous(connection, view);
      Add(JudgeServer(view));
      Add(JudgeRights(view));
      if (Pushes()) Add(JudgeArchiving(view));
      if (Streams()) Add(JudgeSlots(view, source_.slot_name));
      const WalWay way = Streams() ? FindWay() : WalWay::kNone;
      Add(JudgeSynchronous(view, way));
    });
    if (source_.data_directory) CheckDataDirectory(connection);
  }

  WalWay FindWay() {
    std::string refused;
    try {
      pg::ReplicationStream stream = pg::ReplicationStream::Connect(connect_);
      (void)stream.Identify();
      Add({"wal", CheckState::kOk, "streamed by the replication protocol", {}});
      return WalWay::kReplication;
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kDenied) {
        if (error.kind() == base::ErrorKind::kCancelled) throw;
        Add(FailedWith("wal", error, kLook));
        return WalWay::kReplication;
      }
      refused = error.message();
    }
    WalWay way = WalWay::kNone;
    Guard("wal", "see the rights above", [&] {
      (void)pg::OpenSqlWalDirectory(connect_)->List();
      way = WalWay::kSql;
      Add({"wal", CheckState::kOk,
           fmt::format("read through SQL every {}, because the server refuses replication: {}",
                       base::FormatDuration(source_.wal_poll_interval), refused),
           "for less data at risk add to pg_hba.conf: host replication ROLE ADDRESS "
           "scram-sha-256"});
    });
    return way;
  }

  void CheckDataDirectory(pg::Connection& connection) {
    const base::Path& directory = *source_.data_directory;
    Guard("data_directory",
          "run holdfast on the server's machine as root or as the server's user, or leave "
          "data_directory out: then files are read through the connection",
          [&] {
            const base::File root = base::File::Open(directory, O_RDONLY | O_DIRECTORY);
            pg::RequireSessionsCluster(root, pg::ReadClusterFacts(connection), {});
            for (const char* folder : {"base", "global", "pg_wal", "pg_tblspc"})
              (void)base::File::Open(directory / folder, O_RDONLY | O_DIRECTORY);
            Add({"data_directory",
                 CheckState::kOk,
                 fmt::format("{} is the server's own", directory.string()),
                 {}});
          });
  }

  // Nothing is made here: whoever runs the receiver must own what is in the spool.
  void CheckSpool() {
    const base::Path spool = SpoolDirectory(session_, source_.name);
    Guard("spool", "give state_directory a place that can be written to", [&] {
      base::Path there = spool;
      while (!base::Exists(there) && there.has_parent_path() && there != there.parent_path())
        there = there.parent_path();
      if (access(there.c_str(), W_OK | X_OK) != 0)
        throw base::SystemError(errno, fmt::format("cannot write to {}", there.string()));
      Add(JudgeRoom({.name = "spool",
                     .where = spool.string(),
                     .free = base::FreeBytes(spool),
                     .wanted = source_.spool_max}));
    });
  }

  Session& session_;
  const config::Source& source_;
  pg::ConnectOptions connect_;
  std::vector<CheckItem> items_;
};

}  // namespace

CheckItem FailedWith(std::string name, const base::Error& error, const std::string& otherwise) {
  return {std::move(name), CheckState::kFailed, error.message(),
          error.hints().empty() ? otherwise : fmt::format("{}", fmt::join(error.hints(), "\n")),
          ExitCodeOf(error.kind())};
}

std::vector<CheckItem> CheckCluster(Session& session, const config::Source& source) {
  return ClusterCheck(session, source).Run();
}

}  // namespace holdfast::cli
