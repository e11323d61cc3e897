#include "backup/backup.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "base/size_text.h"
#include "base/time_text.h"
#include "cli/backup_json.h"
#include "cli/commands.h"
#include "cli/copy_report.h"
#include "cli/copy_source.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/requests_made.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "storage/open.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string source;
  bool full = false;
  bool require_incremental = false;
  bool audit = false;
  bool pin = false;
  bool new_cluster = false;
  std::vector<std::string> labels;
  unsigned jobs = 0;
};

std::map<std::string, std::string> Labels(const std::vector<std::string>& words) {
  std::map<std::string, std::string> labels;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      throw base::Error(base::ErrorKind::kUsage, fmt::format("label \"{}\" is not KEY=VALUE", word),
                        {"for example: --label before=migration"});
    labels[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return labels;
}

void PrintForPeople(Session& session, const repo::Snapshot& snapshot) {
  const catalog::ClusterFacts facts = catalog::FactsOf(snapshot);
  session.out() << fmt::format(
      "{}: {} protected, {} read, {} stored in {}\n", snapshot.id.ToString(),
      base::FormatBytes(facts.bytes_source), base::FormatBytes(facts.bytes_read),
      base::FormatBytes(facts.bytes_stored),
      base::FormatDuration(snapshot.facts.finished - snapshot.facts.started));
}

// What became of the copies. The backup itself is made, whatever happens to them.
struct CopyRuns {
  nlohmann::json json = nlohmann::json::array();
  bool failed = false;
  bool interrupted = false;
};

void CopyTo(Session& session, const repo::Repository& from, const CopyRequest& request,
            CopyRuns& runs) {
  try {
    const repo::Repository to = OpenRepository(session, *request.to);
    const CopyOutcome outcome = CopySource(session, from, to, request);
    runs.json.push_back(CopyJson(request, outcome));
    if (!session.json()) PrintCopy(session, request, outcome);
    WarnOfFailures(session, request, outcome.result);
    runs.failed = runs.failed || CodeOf(outcome.result) != ExitCode::kDone;
  } catch (...) {
    const base::Error error = base::ToError(std::current_exception());
    runs.failed = true;
    runs.interrupted = error.kind() == base::ErrorKind::kCancelled;
    session.reporter().Warn(fmt::format(
        "the backup is made, but its copy in {} is not complete: {}; `holdfast copy {}` makes up "
        "for it, and so does the next backup",
        request.to->name, error.message(), request.source));
    runs.json.push_back({{"source", request.source},
                         {"from", request.from->name},
                         {"to", request.to->name},
                         {"error", error.message()}});
  }
}

CopyRuns CopyToAll(Session& session, const repo::Repository& from,
                   const config::Repository& settings, const config::Source& source) {
  CopyRuns runs;
  if (!source.copies.empty() && from.access() == repo::KeyAccess::kAddOnly) {
    session.reporter().Note(
        "the key only adds, so nothing is copied from here: run `holdfast copy` on a host whose "
        "key reads");
    return runs;
  }
  for (const config::Copy& copy : source.copies) {
    if (runs.interrupted) break;
    const config::Repository& to = session.config().RepositoryNamed(copy.repository);
    CopyTo(session, from, {.from = &settings, .to = &to, .source = source.name}, runs);
  }
  return runs;
}

// Nothing is paid for by the request in a directory.
std::function<catalog::RequestFacts()> RequestsOf(Session& session,
                                                  const config::Repository& repository) {
  if (!storage::IsS3(repository.url)) return {};
  return [meter = session.meter(repository.name)] { return RequestFactsOf(meter->counts()); };
}

int BackUp(Session& session, const Options& options) {
  const config::Source& source = ClusterNamed(session, options.source);
  const config::Repository& settings = ChooseRepository(session, &source);
  const repo::Repository repository = OpenRepository(session, settings);
  const backup::BackupResult result = backup::BackUpCluster(
      repository,
      {.source = source.name,
       .connect = ConnectOptionsOf(session, source),
       .data_directory = source.data_directory,
       .full = options.full,
       .require_incremental = options.require_incremental,
       .audit = options.audit,
       .pin = options.pin,
       .new_cluster = options.new_cluster,
       .labels = Labels(options.labels),
       .jobs = static_cast<int>(options.jobs == 0 ? source.jobs : options.jobs),
       .pack_size = settings.pack_size,
       .compression = CompressionOf(settings),
       .requests = RequestsOf(session, settings),
       .wal_is_pushed = source.wal != config::WalMode::kStream},
      session.clock(), session.reporter(), session.stop());
  for (const std::string& warning : result.warnings) session.reporter().Warn(warning);
  if (!session.json()) PrintForPeople(session, result.snapshot);
  const bool own = settings.name == session.config().RepositoryNamed(source.repository).name;
  const CopyRuns copies = own ? CopyToAll(session, repository, settings, source) : CopyRuns{};
  if (session.json()) {
    const repo::Pins pins = repo::ListPins(repository.storage(), source.name);
    nlohmann::json object =
        BackupJson(session, result.snapshot, MarksOf(result.snapshot, pins, session.clock().Now()));
    object["warnings"] = result.warnings;
    object["copies"] = copies.json;
    session.PrintJson(object);
  }
  if (copies.interrupted) return ToInt(ExitCode::kInterrupted);
  const bool warned = !result.warnings.empty() || copies.failed;
  return ToInt(warned ? ExitCode::kAttention : ExitCode::kDone);
}

}  // namespace

Command BackupCommand() {
  return {.path = "backup",
          .purpose = "Back up a source; after the first time only what changed is stored",
          .example = "holdfast backup shop --label before=migration --pin",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            app.add_option("SOURCE", options->source, "Source to back up")->required();
            CLI::Option* full =
                app.add_flag("--full", options->full, "Read and store everything again");
            app.add_flag("--require-incremental", options->require_incremental,
                         "Refuse (exit code 4) when everything would have to be read")
                ->excludes(full);
            app.add_flag("--audit", options->audit,
                         "Read everything, and tell which changed pages the WAL does not name")
                ->excludes(full);
            app.add_flag("--pin", options->pin, "Keep it until it is unpinned");
            app.add_flag("--new-cluster", options->new_cluster,
                         "The source is another cluster from now on, after pg_upgrade for "
                         "example; otherwise refused (exit code 4)");
            app.add_option("--label", options->labels, "KEY=VALUE to remember it by; repeatable")
                ->type_name("KEY=VALUE")
                ->allow_extra_args(false);
            TakesNumber(
                app.add_option("--jobs", options->jobs, "Parallel readers (default: the source's)"),
                1, 64)
                ->default_str("");
            return [options](Session& session) { return BackUp(session, *options); };
          }};
}

}  // namespace holdfast::cli
