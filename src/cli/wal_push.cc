#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "cli/cluster_of_source.h"
#include "cli/commands.h"
#include "cli/forward_pushed.h"
#include "cli/open_repository.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "wal/archive.h"
#include "wal/push.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string path;
  std::string source;
};

struct Target {
  repo::Repository repository;
  std::string source;
};

// The source whose WAL or backups are of this cluster.
std::optional<std::string> SourceOfCluster(Session& session, const repo::Repository& repository,
                                           pg::SystemIdentifier system) {
  for (std::string& source : SourcesToShow(session, repository, "")) {
    if (HasWalOf(repository, source, system) || HasBackupOf(repository, source, system))
      return std::move(source);
  }
  return std::nullopt;
}

std::optional<Target> FindTarget(Session& session, const config::Repository& settings,
                                 pg::SystemIdentifier system) {
  repo::Repository repository = OpenRepository(session, settings);
  std::optional<std::string> source = SourceOfCluster(session, repository, system);
  if (!source) return std::nullopt;
  return Target{std::move(repository), *std::move(source)};
}

// Another name for a cluster that is in the repository already is a mistake more often than a
// second source of it, which begins with a backup.
void RequireNoOtherName(Session& session, const repo::Repository& repository,
                        const std::string& source, pg::SystemIdentifier system) {
  const std::optional<std::string> other = SourceOfCluster(session, repository, system);
  if (!other) return;
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("this is the cluster {}, which the repository has as the source {}, and nothing "
                  "of the source {} is there yet",
                  system.value(), *other, source),
      {fmt::format("is that the one meant? archive_command: holdfast wal push --source {} %p",
                   *other),
       fmt::format("else take a first backup under the other name: `holdfast backup {}`", source)});
}

bool IsConfigured(const config::Config& config, const std::string& source) {
  return std::ranges::any_of(config.sources, [&](const auto& s) { return s.name == source; });
}

// WAL under a name that nobody watches would go unmissed where it belongs. A name that is not
// configured must be that of this cluster in the repository already; without any source in the
// configuration a name is all that there is, unless the repository knows a better one.
void RequireKnownName(Session& session, const Target& target, pg::SystemIdentifier system) {
  const config::Config& config = session.config();
  if (RequireOwnCluster(target.repository, target.source, system)) return;
  if (IsConfigured(config, target.source)) return;
  if (!config.sources.empty()) (void)config.SourceNamed(target.source);
  RequireNoOtherName(session, target.repository, target.source, system);
}

Target ChooseTarget(Session& session, const Options& options, pg::SystemIdentifier system) {
  if (!options.source.empty()) {
    Target named{OpenRepository(session, RepositoryForSource(session, options.source)),
                 options.source};
    RequireKnownName(session, named, system);
    return named;
  }
  const config::Config& config = session.config();
  if (!session.options().repository.empty() || config.repositories.empty()) {
    if (auto found = FindTarget(session, ChooseRepository(session, nullptr), system))
      return std::move(*found);
  } else {
    for (const config::Repository& settings : config.repositories) {
      if (auto found = FindTarget(session, settings, system)) return std::move(*found);
    }
  }
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("no source is known to be the cluster with system identifier {}", system.value()),
      {"name the source in archive_command: holdfast wal push --source NAME %p",
       "or back the source up once: `holdfast backup NAME`"});
}

int Push(Session& session, const Options& options) {
  const base::Path& here = session.invocation().working_directory;
  const base::Path path = here / options.path;
  const pg::SystemIdentifier system = SystemBeside(path, here);
  const Target target = ChooseTarget(session, options, system);
  wal::Archive archive(target.repository, target.source);
  const wal::ArchiveOutcome outcome = wal::Push(archive, path, system);
  StartForwarding(session, target.source, {.system = system, .name = path.filename().string()});
  if (session.json())
    session.PrintJson({{"source", target.source},
                       {"file", path.filename().string()},
                       {"already_there", outcome == wal::ArchiveOutcome::kAlreadyThere}});
  return ToInt(ExitCode::kDone);
}

}  // namespace

Command WalPushCommand() {
  return {
      .path = "wal push",
      .purpose = "Archive one WAL file: the server's archive_command",
      .example =
          "holdfast wal push --source shop pg_wal/000000010000000000000042\n  "
          "archive_command = 'holdfast wal push --source shop %p'",
      .declare = [](CLI::App& app) -> Action {
        const auto options = std::make_shared<Options>();
        app.add_option("PATH", options->path, "File to archive: %p of archive_command")->required();
        app.add_option("--source", options->source,
                       "Source (default: the one with the cluster's system identifier)")
            ->type_name("SOURCE");
        return [options](Session& session) { return Push(session, *options); };
      }};
}

}  // namespace holdfast::cli
