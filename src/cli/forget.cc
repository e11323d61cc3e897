#include "upkeep/forget.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>

#include "cli/chosen_backup.h"
#include "cli/commands.h"
#include "cli/forget_report.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/retention_choice.h"
#include "cli/session.h"
#include "cli/source_access.h"

namespace holdfast::cli {
namespace {

using base::Error;
using base::ErrorKind;

struct Options {
  bool policy = false;
  std::vector<std::string> words;
  bool yes = false;
  upkeep::ForgetOptions forget;
};

constexpr std::string_view kRetentionExample = "[source.shop.retention] last = 3, days = 14";

void Print(Session& session, const ForgetReport& report, const upkeep::ForgetResult& result) {
  if (session.json()) {
    session.PrintJson(ForgetJson(session, report, result));
  } else {
    PrintForget(session, report, result);
  }
}

int ByName(Session& session, const Options& options) {
  if (options.words.empty())
    throw Error(ErrorKind::kUsage, "no backup is named",
                {"name those that are to go, or let the retention choose them: --policy"});
  const config::Repository& settings = RepositoryForBackups(session, options.words);
  const repo::Repository repository = OpenRepository(session, settings);
  repository.RequireContentKey("forgetting");
  std::vector<repo::BackupId> backups;
  for (const std::string& word : options.words) backups.push_back(ChooseBackup(repository, word));
  const upkeep::ForgetResult result = upkeep::ForgetByName(repository, backups, options.forget);
  Print(session,
        {.repository = settings.name, .dry_run = options.forget.dry_run, .by_policy = false},
        result);
  return ToInt(ExitCode::kDone);
}

// A source that nothing would ever be forgotten of is a mistake in the configuration.
void CheckHasPolicy(Session& session, const std::string& source, const std::string& repository) {
  const std::vector<config::Source>& sources = session.config().sources;
  const bool any =
      source.empty()
          ? std::ranges::any_of(
                sources, [&](const config::Source& one) { return HasPolicy(one, repository); })
          : HasPolicy(session.config().SourceNamed(source), repository);
  if (any) return;
  throw Error(ErrorKind::kUsage,
              source.empty()
                  ? fmt::format("no retention is configured for repository {}", repository)
                  : fmt::format("no retention is configured for source {} in repository {}", source,
                                repository),
              {fmt::format("for example: {}", kRetentionExample)});
}

void NoteOtherRepositories(Session& session, const std::string& chosen) {
  for (const config::Repository& repository : session.config().repositories) {
    const bool governed = std::ranges::any_of(
        session.config().sources,
        [&](const config::Source& source) { return HasPolicy(source, repository.name); });
    if (governed && repository.name != chosen)
      session.reporter().Note(
          fmt::format("there is a retention for repository {}, too: --repository {}",
                      repository.name, repository.name));
  }
}

void WarnOf(Session& session, const upkeep::ForgetResult& result) {
  for (const upkeep::ForgetSeries& series : result.series) {
    if (series.refusal) continue;  // it says the same
    for (const std::string& warning : series.warnings)
      session.reporter().Warn(fmt::format("{}: {}", series.source, warning));
  }
  for (const upkeep::UnreadableBackup& backup : result.unreadable)
    session.reporter().Warn(fmt::format("backup {}: {}; by policy it is not forgotten",
                                        backup.id.ToString(), backup.problem));
}

// What was refused, each once; the first is thrown, whose hints go for all.
void ThrowIfRefused(Session& session, const upkeep::ForgetResult& result) {
  std::set<std::string> told;
  const Error* first = nullptr;
  for (const upkeep::ForgetSeries& series : result.series) {
    if (!series.refusal || !told.insert(series.refusal->message()).second) continue;
    if (first == nullptr) {
      first = &*series.refusal;
    } else {
      session.reporter().Warn(series.refusal->message());
    }
  }
  if (first != nullptr) throw Error(*first);
}

int ByPolicy(Session& session, const Options& options) {
  if (options.words.size() > 1)
    throw Error(ErrorKind::kUsage, "--policy goes with one source, or with none for all");
  const std::string source = options.words.empty() ? "" : options.words.front();
  const config::Repository& settings = RepositoryForSource(session, source);
  CheckHasPolicy(session, source, settings.name);
  if (source.empty()) NoteOtherRepositories(session, settings.name);
  const repo::Repository repository = OpenRepository(session, settings);
  repository.RequireContentKey("forgetting");
  upkeep::ForgetOptions forget = options.forget;
  forget.zone = session.config().timezone;
  if (options.yes) forget.allowed_share = 100;
  const upkeep::ForgetResult result = upkeep::ForgetByPolicy(
      repository, source,
      [&](const repo::Snapshot& backup) {
        return ChoosePolicy(session.config(), settings.name, backup);
      },
      forget);
  Print(session, {.repository = settings.name, .dry_run = forget.dry_run, .by_policy = true},
        result);
  WarnOf(session, result);
  ThrowIfRefused(session, result);
  if (!result.unreadable.empty()) return ToInt(ExitCode::kCorrupt);
  const bool warned = std::ranges::any_of(
      result.series, [](const upkeep::ForgetSeries& series) { return !series.warnings.empty(); });
  return ToInt(warned ? ExitCode::kAttention : ExitCode::kDone);
}

void Declare(CLI::App& app, Options& options) {
  CLI::Option* policy = app.add_flag(
      "--policy", options.policy,
      "Those that the configured retention does not keep; BACKUP is then a source, and "
      "without one all are meant");
  app.add_option("BACKUP", options.words,
                 "source/20261121T070003Z-4f2a, a unique prefix of it, or source/latest")
      ->default_str("");
  app.add_flag("--dry-run", options.forget.dry_run, "Forget nothing, and say what would be");
  app.add_flag("--even-last", options.forget.even_last,
               "By name: also the last good backup of its source and kind")
      ->excludes(policy);
  app.add_flag(
         "--even-pinned", options.forget.even_pinned,
         "By name: also one whose own record says that it is to be kept; other pins are taken "
         "off by `unpin`")
      ->excludes(policy);
  app.add_flag("--despite-warnings", options.forget.despite_warnings,
               "By policy: although something looks wrong with the newest backups")
      ->needs(policy);
  TakesNumber(app.add_option("--allow-share", options.forget.allowed_share,
                             "By policy: how many of a hundred backups of a source may go at once"),
              0, 100, "PERCENT")
      ->needs(policy);
  app.add_flag("--yes", options.yes, "By policy: however many go")->needs(policy);
}

}  // namespace

Command ForgetCommand() {
  return {.path = "forget",
          .purpose = "Take backups out of the list, by name or by the configured retention",
          .example =
              "holdfast forget --policy --dry-run\n"
              "  holdfast forget --policy shop\n"
              "  holdfast forget shop/20261121T070003Z-4f2a",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            Declare(app, *options);
            return [options](Session& session) {
              return options->policy ? ByPolicy(session, *options) : ByName(session, *options);
            };
          }};
}

}  // namespace holdfast::cli
