#include "cli/source_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "cli/open_repository.h"
#include "pg/control_file.h"
#include "repo/ids.h"
#include "repo/snapshot.h"
#include "storage/open.h"
#include "storage/storage.h"

namespace holdfast::cli {

const config::Source& ClusterNamed(Session& session, std::string_view name) {
  const config::Source& source = session.config().SourceNamed(name);
  if (source.type == config::SourceType::kPostgres) return source;
  throw base::Error(base::ErrorKind::kUsage,
                    fmt::format("source {} is not a PostgreSQL cluster", source.name));
}

pg::ConnectOptions ConnectOptionsOf(Session& session, const config::Source& source) {
  pg::ConnectOptions connect;
  connect.conninfo = source.connection;
  connect.stop = session.stop();
  return connect;
}

codec::CompressionOptions CompressionOf(const config::Repository& repository) {
  switch (repository.compression.method) {
    case config::Compression::Method::kNone:
      return {.codec = codec::Codec::kRaw};
    case config::Compression::Method::kLz4:
      return {.codec = codec::Codec::kLz4};
    case config::Compression::Method::kZstd:
      break;
  }
  return {.codec = codec::Codec::kZstd, .level = repository.compression.level};
}

std::vector<std::string> SourcesToShow(Session& session, const repo::Repository& repository,
                                       const std::string& named) {
  if (!named.empty()) return {named};
  std::set<std::string> names;
  for (std::string& name : repo::ListSources(repository)) names.insert(std::move(name));
  for (const config::Source& source : session.config().sources) {
    if (source.type == config::SourceType::kPostgres) names.insert(source.name);
  }
  return {names.begin(), names.end()};
}

const config::Repository& RepositoryForSource(Session& session, std::string_view source) {
  for (const config::Source& configured : session.config().sources) {
    if (configured.name == source) return ChooseRepository(session, &configured);
  }
  return ChooseRepository(session, nullptr);
}

base::Error NoSource() {
  return {base::ErrorKind::kUsage,
          "no source is configured",
          {"describe one in holdfast.toml, for example: [source.shop] with connection = "
           "\"host=localhost user=holdfast dbname=postgres\""}};
}

void RequireKnownSource(Session& session, storage::Storage& storage, const std::string& source) {
  if (source.empty()) return;
  const auto is_it = [&](const config::Source& configured) { return configured.name == source; };
  if (std::ranges::any_of(session.config().sources, is_it)) return;
  for (const std::string_view folder : {repo::kSnapshotsPrefix, std::string_view("wal/")}) {
    if (!storage::ListAll(storage, fmt::format("{}{}/", folder, source)).empty()) {
      return;
    }
  }
  throw base::Error(
      base::ErrorKind::kNotFound,
      fmt::format("there is no source {}: neither in the configuration nor in this repository",
                  source),
      {"holdfast list shows what is in the repository"});
}

pg::SystemIdentifier SystemBeside(const base::Path& file, const base::Path& working_directory) {
  const base::Path absolute = working_directory / file;
  const base::Path above = absolute.parent_path().parent_path();
  // In pg_wal, or in the folder there into which a restore in place puts WAL aside.
  for (const base::Path& data : {above, above.parent_path(), working_directory}) {
    const auto bytes = base::ReadFileIfExists(data / "global/pg_control");
    if (bytes) return pg::ParseControlFile(*bytes).system_identifier;
  }
  throw base::Error(
      base::ErrorKind::kNotFound,
      fmt::format("cannot tell which cluster {} belongs to: no global/pg_control beside it",
                  file.string()),
      {"archive_command and restore_command must run in the data directory, as the server does "
       "it"});
}

base::Path SpoolDirectory(Session& session, std::string_view source) {
  return session.config().state_directory / "wal" / source / "spool";
}

base::Path StreamStateFile(Session& session, std::string_view source) {
  return session.config().state_directory / "wal" / source / "receiver.json";
}

std::vector<base::Path> PreciousPlaces(Session& session) {
  const config::Config& config = session.config();
  std::vector<base::Path> places = {config.state_directory};
  if (config.file) places.push_back(std::filesystem::absolute(*config.file));
  for (const config::Repository& repository : config.repositories) {
    if (repository.key_file) places.push_back(*repository.key_file);
    if (const auto directory = storage::DirectoryOf(repository.url)) places.push_back(*directory);
  }
  return places;
}

}  // namespace holdfast::cli
