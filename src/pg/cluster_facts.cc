// What a server says about its cluster.
#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "pg/backup_session.h"
#include "pg/cluster_files.h"
#include "pg/digits.h"
#include "pg/tablespaces.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;
using Settings = std::map<std::string, std::string>;

constexpr std::string_view kUndefinedFile = "58P01";

// Settings that the role may not see are not in the view at all.
Settings ReadSettings(Connection& connection) {
  Settings settings;
  for (Row& row : connection.Query(
           "SELECT name, setting FROM pg_settings WHERE name IN ('wal_segment_size', "
           "'data_checksums', 'data_directory', 'fsync', 'full_page_writes', 'wal_log_hints', "
           "'wal_level', 'archive_mode', 'port')")) {
    settings.emplace(row.at(0).value(), row.at(1).value_or(""));
  }
  return settings;
}

template <typename Number>
Number ParseSetting(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  const auto value =
      found != settings.end() ? ParseDigits<Number>(found->second) : std::optional<Number>();
  if (!value) {
    throw base::Error(ErrorKind::kInternal, fmt::format("the server does not tell its {}", name));
  }
  return *value;
}

std::string TextSetting(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found != settings.end() ? found->second : "";
}

bool IsInside(const std::string& path, const std::filesystem::path& directory) {
  const auto relative = std::filesystem::path(path).lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

std::vector<std::string> ReadOutsideFiles(Connection& connection, const std::string& directory) {
  std::vector<std::string> files;
  if (directory.empty()) return files;
  const auto normal = std::filesystem::path(directory).lexically_normal();
  for (Row& row : connection.Query(
           "SELECT setting FROM pg_settings WHERE name IN ('config_file', 'hba_file', "
           "'ident_file') AND setting <> '' "
           "UNION SELECT sourcefile FROM pg_settings WHERE sourcefile IS NOT NULL ORDER BY 1")) {
    std::string& path = row.at(0).value();
    if (!IsInside(std::filesystem::path(path).lexically_normal(), normal)) {
      files.push_back(std::move(path));
    }
  }
  return files;
}

Tablespace TablespaceOf(const Row& row) {
  Tablespace tablespace;
  tablespace.oid = ParseDigits<Oid>(row.at(0).value()).value();
  tablespace.name = row.at(1).value();
  tablespace.location = row.at(2).value_or("");
  // Older minor releases say nothing, newer ones the relative path.
  tablespace.in_place = !tablespace.location.starts_with('/');
  if (tablespace.in_place) tablespace.location.clear();
  return tablespace;
}

std::vector<Tablespace> ReadTablespacesOnce(Connection& connection) {
  std::vector<Tablespace> tablespaces;
  for (const Row& row : connection.Query(
           fmt::format("SELECT oid, spcname, pg_tablespace_location(oid) FROM pg_tablespace "
                       "WHERE oid NOT IN ({}, {}) ORDER BY oid",
                       kDefaultTablespace, kGlobalTablespace))) {
    tablespaces.push_back(TablespaceOf(row));
  }
  return tablespaces;
}

}  // namespace

std::vector<Tablespace> ReadTablespaces(Connection& connection) {
  // One that is dropped while the statement runs makes it fail: its link is gone before its row.
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    try {
      return ReadTablespacesOnce(connection);
    } catch (const SqlError& error) {
      if (error.sqlstate() != kUndefinedFile || attempt == kAttempts) throw;
    }
  }
}

ClusterFacts ReadClusterFacts(Connection& connection) {
  const std::vector<Row> rows = connection.Query(
      "SELECT system_identifier, pg_postmaster_start_time(), pg_is_in_recovery() "
      "FROM pg_control_system()");
  const Row& identity = rows.at(0);
  const Settings settings = ReadSettings(connection);
  ClusterFacts facts;
  // bigint in SQL, unsigned in the control file.
  facts.system_identifier =
      SystemIdentifier(static_cast<std::uint64_t>(std::stoll(identity.at(0).value())));
  facts.postmaster_start = identity.at(1).value();
  facts.in_recovery = identity.at(2) == "t";
  facts.server_version = connection.server_version();
  facts.wal_segment_size = ParseSetting<std::uint32_t>(settings, "wal_segment_size");
  facts.port = static_cast<int>(ParseSetting<std::uint16_t>(settings, "port"));
  facts.data_checksums = TextSetting(settings, "data_checksums") == "on";
  facts.data_directory = TextSetting(settings, "data_directory");
  facts.fsync_on = TextSetting(settings, "fsync") == "on";
  facts.full_page_writes = TextSetting(settings, "full_page_writes") == "on";
  facts.wal_log_hints = TextSetting(settings, "wal_log_hints") == "on";
  facts.wal_level = TextSetting(settings, "wal_level");
  facts.archive_mode = TextSetting(settings, "archive_mode");
  facts.outside_files = ReadOutsideFiles(connection, facts.data_directory);
  facts.tablespaces = ReadTablespaces(connection);
  return facts;
}

}  // namespace holdfast::pg
