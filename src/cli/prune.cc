#include "upkeep/prune.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/open_storage.h"
#include "cli/option_values.h"
#include "cli/prune_report.h"
#include "cli/retention_choice.h"
#include "cli/session.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string grace = "24h";
  bool yes = false;
  upkeep::PruneOptions prune;
};

int Prune(Session& session, const Options& options) {
  const config::Repository& settings = ChooseRepository(session, nullptr);
  upkeep::PruneOptions prune = options.prune;
  prune.grace = base::ParseDuration(options.grace);
  prune.log_windows = LogWindows(session.config(), settings.name);
  if (options.yes) prune.allowed_share = 100;
  // No key: what is needed stands in clear, and whoever deletes need not be able to read.
  const std::unique_ptr<storage::Storage> storage = OpenStorage(session, settings, false);
  const upkeep::PruneResult result = base::WithContext(
      [&] { return Describe(settings); },
      [&] { return upkeep::Prune(*storage, prune, session.reporter(), session.stop()); });
  const PruneReport report{.repository = settings.name, .dry_run = prune.dry_run};
  if (session.json()) {
    session.PrintJson(PruneJson(session, report, result));
  } else {
    PrintPrune(session, report, result);
  }
  for (const std::string& note : result.notes) session.reporter().Note(note);
  for (const std::string& warning : result.warnings) session.reporter().Warn(warning);
  return ToInt(result.warnings.empty() ? ExitCode::kDone : ExitCode::kAttention);
}

void Declare(CLI::App& app, Options& options) {
  app.add_flag("--dry-run", options.prune.dry_run, "Delete nothing, and say what would be");
  TakesNumber(app.add_option("--allow-share", options.prune.allowed_share,
                             "How many of a hundred bytes may be on their way out at once"),
              0, 100, "PERCENT");
  app.add_flag("--yes", options.yes, "However much goes");
  app.add_flag("--despite-damage", options.prune.despite_damage,
               "Although a backup that is kept lacks a pack");
  app.add_option("--grace", options.grace, "How long after condemning something it is deleted")
      ->type_name("DURATION");
  app.add_flag("--short-grace", options.prune.short_grace,
               "Accept a --grace of less than a day: only where nothing else uses this repository, "
               "on any host; a backup that runs meanwhile may be lost");
}

}  // namespace

Command PruneCommand() {
  return {
      .path = "prune",
      .purpose = "Delete what no backup needs any more, a day after condemning it; needs no key",
      .example =
          "holdfast prune --dry-run\n"
          "  holdfast prune",
      .declare = [](CLI::App& app) -> Action {
        const auto options = std::make_shared<Options>();
        Declare(app, *options);
        return [options](Session& session) { return Prune(session, *options); };
      }};
}

}  // namespace holdfast::cli
