#include "upkeep/verify.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>

#include "base/counted.h"
#include "base/size_text.h"
#include "cli/commands.h"
#include "cli/damage_report.h"
#include "cli/open_repository.h"
#include "cli/open_storage.h"
#include "cli/option_values.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/unlock.h"

namespace holdfast::cli {
namespace {

using upkeep::VerifyLevel;

struct Options {
  std::string source;
  std::optional<VerifyLevel> level;
  bool without_key = false;
  bool no_marks = false;

  upkeep::VerifyOptions Of(VerifyLevel wanted) const {
    return {.level = wanted, .source = source, .mark = !no_marks};
  }
};

// What stands in clear is enough to find every altered byte, where nobody can read a backup.
upkeep::VerifyResult LookWithoutKey(Session& session, const config::Repository& settings,
                                    const Options& options) {
  const VerifyLevel level = options.level.value_or(VerifyLevel::kPacks);
  if (level != VerifyLevel::kList && level != VerifyLevel::kPacks) {
    throw base::Error(base::ErrorKind::kUsage, "without a key nothing of a backup opens",
                      {"--level packs reads every byte, --level list looks whether all is there"});
  }
  const std::unique_ptr<storage::Storage> storage = OpenStorage(session, settings, false);
  return base::WithContext([&] { return Describe(settings); },
                           [&] {
                             RequireKnownSource(session, *storage, options.source);
                             return upkeep::VerifyWithoutKey(*storage, options.Of(level),
                                                             session.reporter(), session.stop());
                           });
}

upkeep::VerifyResult Look(Session& session, const config::Repository& settings,
                          const Options& options) {
  const bool keyless = options.level == VerifyLevel::kList || options.level == VerifyLevel::kPacks;
  if (options.without_key || (keyless && !NamesKey(settings)))
    return LookWithoutKey(session, settings, options);
  const repo::Repository repository = OpenRepository(session, settings);
  RequireKnownSource(session, repository.storage(), options.source);
  return upkeep::Verify(repository, options.Of(options.level.value_or(VerifyLevel::kData)),
                        session.reporter(), session.stop());
}

int Verify(Session& session, const Options& options) {
  const config::Repository& settings = RepositoryForSource(session, options.source);
  const upkeep::VerifyResult result = Look(session, settings, options);
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
            const std::vector<std::pair<std::string, VerifyLevel>> levels = {
                {"list", VerifyLevel::kList},
                {"metadata", VerifyLevel::kMetadata},
                {"packs", VerifyLevel::kPacks},
                {"data", VerifyLevel::kData}};
            app.add_option("SOURCE", options->source, "Source (default: all)");
            TakesChoice(app.add_option("--level", options->level,
                                       "list: every pack is there; metadata: trees and maps open; "
                                       "packs: every pack is bit for bit what was written; data: "
                                       "every page opens"),
                        levels)
                ->default_str("data");
            app.add_flag("--without-key", options->without_key,
                         "Use no key: list or packs; backups that are hit are named, not files "
                         "(so it is when no key is configured)");
            app.add_flag("--no-marks", options->no_marks,
                         "Write nothing: later backups may build on what is found damaged");
            return [options](Session& session) { return Verify(session, *options); };
          }};
}

}  // namespace holdfast::cli
