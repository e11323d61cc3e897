#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/source_places.h"
#include "cli/start_detached.h"
#include "codec/hash.h"
#include "wal/archive.h"
#include "wal/fetch.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string file;
  std::string path;
  std::string source;
  std::uint32_t timeline = 0;
  std::string end;
  std::string system;     // prefetch only
  std::string directory;  // prefetch only
};

// Private to one recovery: its data directory names it. Empty where nothing can be written, which
// costs speed only.
base::Path PrefetchDirectory(Session& session, const base::Path& target) {
  const std::string key = target.parent_path().lexically_normal().string();
  const std::string name = base::ToHex(codec::Sha256(base::AsBytes(key))).substr(0, 16);
  base::Path directory = session.config().state_directory / "prefetch" / name;
  try {
    base::MakeDirectories(directory);
  } catch (const base::Error&) {
    return {};
  }
  return directory;
}

// The source whose archive holds WAL of this cluster.
std::string FindSource(Session& session, const repo::Repository& repository,
                       pg::SystemIdentifier system) {
  for (const std::string& source : SourcesToShow(session, repository, "")) {
    for (const pg::SystemIdentifier known : wal::Archive(repository, source).Systems()) {
      if (known == system) return source;
    }
  }
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("no source has WAL of the cluster with system identifier {}", system.value()),
      {"name the source in restore_command: holdfast wal fetch --source NAME %f %p"});
}

void StartPrefetch(Session& session, const std::string& source, const wal::FetchOptions& fetch) {
  std::vector<std::string> words = {"wal",
                                    "prefetch",
                                    fetch.file_name,
                                    "--source",
                                    source,
                                    "--system",
                                    std::to_string(fetch.system.value()),
                                    "--directory",
                                    fetch.prefetch_directory.string()};
  if (session.config().file) {
    words.emplace_back("--config");
    words.push_back(session.config().file->string());
  }
  if (!session.options().repository.empty()) {
    words.emplace_back("--repository");
    words.push_back(session.options().repository);
  }
  StartDetached(session.invocation().program, words);
}

std::optional<wal::RecoveryPath> PathOf(const Options& options) {
  if (options.timeline == 0) {
    if (options.end.empty()) return std::nullopt;
    throw base::Error(base::ErrorKind::kUsage, "--end needs --timeline as well",
                      {"holdfast restore writes both into restore_command"});
  }
  wal::RecoveryPath path{.timeline = pg::TimelineId(options.timeline)};
  if (!options.end.empty()) path.end = pg::ParseLsn(options.end);
  return path;
}

int FetchFrom(Session& session, const Options& options, const repo::Repository& repository,
              wal::FetchOptions fetch) {
  repository.RequireContentKey("fetching WAL");
  const std::string source =
      options.source.empty() ? FindSource(session, repository, fetch.system) : options.source;
  if (pg::WalFileKindOf(options.file) == pg::WalFileKind::kSegment)
    fetch.prefetch_directory = PrefetchDirectory(session, fetch.target);
  wal::Archive archive(repository, source);
  if (wal::Fetch(archive, fetch) == wal::FetchOutcome::kNotThere) {
    session.reporter().Note(fmt::format("{} is not in the archive of {}", options.file, source));
    return kFetchAbsent;
  }
  if (!fetch.prefetch_directory.empty()) StartPrefetch(session, source, fetch);
  return ToInt(ExitCode::kDone);
}

// From a copy only what is there whole: that it has no more says nothing about the source's own
// repository, and recovery would end early.
bool FetchFromCopy(Session& session, const Options& options, const config::Repository& place,
                   const wal::FetchOptions& fetch, const base::Error& why) {
  try {
    const repo::Repository repository = OpenPlace(session, place);
    wal::Archive archive(repository, options.source);
    if (!archive.Contains(fetch.system, fetch.file_name) ||
        wal::Fetch(archive, fetch) != wal::FetchOutcome::kFetched)
      return false;
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::kCancelled) throw;
    session.reporter().Warn(error.message());
    return false;
  }
  session.reporter().Warn(
      fmt::format("{}; {} was taken from the copy in {}", why.message(), options.file, place.name));
  return true;
}

int Fetch(Session& session, const Options& options) {
  const base::Path& here = session.invocation().working_directory;
  wal::FetchOptions fetch;
  fetch.file_name = options.file;
  fetch.target = here / options.path;
  fetch.path = PathOf(options);
  fetch.system = SystemBeside(fetch.target, here);
  fetch.is_standby = base::Exists(here / "standby.signal");
  const std::vector<const config::Repository*> places = PlacesOf(session, options.source);
  try {
    return FetchFrom(session, options, OpenPlace(session, *places.front()), fetch);
  } catch (const base::Error& error) {
    if (!base::MayLieElsewhere(error)) throw;
    for (std::size_t i = 1; i < places.size(); ++i) {
      if (FetchFromCopy(session, options, *places[i], fetch, error)) return ToInt(ExitCode::kDone);
    }
    throw;
  }
}

int Prefetch(Session& session, const Options& options) {
  std::uint64_t system = 0;
  const char* const end = options.system.data() + options.system.size();
  if (std::from_chars(options.system.data(), end, system).ptr != end)
    throw base::Error(base::ErrorKind::kUsage, "--system is no system identifier");
  const repo::Repository repository =
      OpenRepository(session, RepositoryForSource(session, options.source));
  repository.RequireContentKey("fetching WAL");
  wal::Archive archive(repository, options.source);
  wal::FetchOptions fetch;
  fetch.system = pg::SystemIdentifier(system);
  fetch.file_name = options.file;
  fetch.prefetch_directory = options.directory;
  wal::Prefetch(archive, fetch);
  return ToInt(ExitCode::kDone);
}

}  // namespace

Command WalFetchCommand() {
  return {
      .path = "wal fetch",
      .purpose = "Fetch one WAL file: the server's restore_command",
      .example =
          "holdfast wal fetch --source shop 000000010000000000000042 "
          "pg_wal/RECOVERYXLOG\n  "
          "restore_command = 'holdfast wal fetch --source shop %f %p'",
      .declare = [](CLI::App& app) -> Action {
        const auto options = std::make_shared<Options>();
        app.add_option("FILE", options->file, "Name of the file: %f of restore_command")
            ->required();
        app.add_option("PATH", options->path, "Where to put it: %p of restore_command")->required();
        app.add_option("--source", options->source,
                       "Source (default: the one with the cluster's system identifier)")
            ->type_name("SOURCE");
        TakesNumber(
            app.add_option("--timeline", options->timeline,
                           "The timeline that recovery follows: a gap on the way is no end"),
            1, std::numeric_limits<std::uint32_t>::max(), "TIMELINE");
        app.add_option("--end", options->end,
                       "Where a gap begins that recovery has a target in front of")
            ->type_name("LSN");
        return [options](Session& session) { return Fetch(session, *options); };
      },
      .exit_codes = FetchExitCodesHelp()};
}

Command WalPrefetchCommand() {
  return {.path = "wal prefetch",
          .purpose = "Fetch the segments that follow one, ahead of recovery",
          .example =
              "holdfast wal prefetch 000000010000000000000042 --source shop --system "
              "7301234567890123456 --directory /var/lib/holdfast-state/prefetch/shop",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            app.add_option("FILE", options->file, "The segment just fetched")->required();
            app.add_option("--source", options->source, "Source")->required();
            app.add_option("--system", options->system, "System identifier")->required();
            app.add_option("--directory", options->directory, "Where they wait")->required();
            return [options](Session& session) { return Prefetch(session, *options); };
          },
          .hidden = true};
}

}  // namespace holdfast::cli
