#include "upkeep/verify.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "base/counted.h"
#include "base/size_text.h"
#include "cli/commands.h"
#include "cli/damage_report.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/session.h"
#include "cli/source_access.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string source;
  upkeep::VerifyLevel level = upkeep::VerifyLevel::kData;
  bool no_marks = false;
};

int Verify(Session& session, const Options& options) {
  const config::Repository& settings = RepositoryForSource(session, options.source);
  const repo::Repository repository = OpenRepository(session, settings);
  RequireKnownSource(session, repository, options.source);
  const upkeep::VerifyResult result = upkeep::Verify(
      repository, {.level = options.level, .source = options.source, .mark = !options.no_marks},
      session.reporter(), session.stop());
  for (const std::string& warning : result.warnings) session.reporter().Warn(warning);
  if (session.json()) {
    nlohmann::json damages = nlohmann::json::array();
    for (const upkeep::Damage& damage : result.damages) damages.push_back(DamageJson(damage));
    session.PrintJson({{"repository", settings.name},
                       {"backups", result.backups},
                       {"objects", result.objects},
                       {"bytes", result.bytes},
                       {"damages", std::move(damages)},
                       {"marked", result.marked},
                       {"warnings", result.warnings}});
  } else {
    PrintDamages(session.out(), result.damages);
    if (result.marked > 0) {
      session.out() << base::Counted(
          result.marked,
          "pack is marked: the next backup stores again what it holds and the source still has\n",
          "packs are marked: the next backup stores again what they hold and the source still "
          "has\n");
    }
    session.out() << fmt::format(
        "{}, {}, {} checked: {}\n", base::Counted(result.backups, "backup"),
        base::Counted(result.objects, "object"), base::FormatBytes(result.bytes),
        result.damages.empty() ? std::string("all is well")
                               : fmt::format("{} damaged", result.damages.size()));
  }
  if (!result.damages.empty()) return ToInt(ExitCode::kCorrupt);
  return ToInt(result.warnings.empty() ? ExitCode::kDone : ExitCode::kAttention);
}

}  // namespace

Command VerifyCommand() {
  return {.path = "verify",
          .purpose = "Check that what was stored is whole, and name what is not",
          .example = "holdfast verify shop --level data",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            const std::vector<std::pair<std::string, upkeep::VerifyLevel>> levels = {
                {"list", upkeep::VerifyLevel::kList},
                {"metadata", upkeep::VerifyLevel::kMetadata},
                {"packs", upkeep::VerifyLevel::kPacks},
                {"data", upkeep::VerifyLevel::kData}};
            app.add_option("SOURCE", options->source, "Source (default: all)");
            TakesChoice(app.add_option("--level", options->level,
                                       "list: every pack is there; metadata: trees and maps open; "
                                       "packs: every pack is bit for bit what was written; data: "
                                       "every page opens"),
                        levels)
                ->default_str("data");
            app.add_flag("--no-marks", options->no_marks,
                         "Write nothing: later backups may build on what is found damaged");
            return [options](Session& session) { return Verify(session, *options); };
          }};
}

}  // namespace holdfast::cli
