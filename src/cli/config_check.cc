#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/counted.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"
#include "pg/connection.h"
#include "pg/conninfo.h"
#include "storage/open.h"

namespace holdfast::cli {
namespace {

std::string Where(const config::Problem& problem) {
  return problem.origin.kind == config::Origin::Kind::kDefault ? "" : problem.origin.ToText();
}

void PrintProblem(std::ostream& out, const config::Problem& problem) {
  const std::string where = Where(problem);
  out << Printable(where.empty() ? problem.message : fmt::format("{}: {}", where, problem.message))
      << '\n';
  for (const std::string& hint : problem.hints) out << "  hint: " << Printable(hint) << '\n';
}

config::Problem ProblemOf(const config::Config& config, const config::Key& key,
                          const base::Error& error) {
  const auto setting = config.settings.values.find(key);
  return {setting == config.settings.values.end() ? config::Origin{} : setting->second.origin,
          fmt::format("{}: {}", config::ToText(key), error.message()), error.hints()};
}

// What only those who use a value can judge; nothing is asked of any store or server.
void CheckPlaces(const config::Config& config, std::vector<config::Problem>& problems) {
  for (const config::Repository& repository : config.repositories) {
    if (repository.url.empty()) continue;  // which is a problem already
    try {
      storage::CheckUrl(repository.url, repository.s3.endpoint);
    } catch (const base::Error& error) {
      problems.push_back(ProblemOf(config, {"repository", repository.name, "url"}, error));
    }
  }
  for (const config::Source& source : config.sources) {
    pg::ConnectOptions connect;
    connect.conninfo = source.connection;
    try {
      (void)pg::ConnectKeywords(connect);
    } catch (const base::Error& error) {
      problems.push_back(ProblemOf(config, {"source", source.name, "connection"}, error));
    }
  }
}

// Understood, and without effect yet.
std::vector<std::string> Warnings(const config::Config& config) {
  std::vector<std::string> warnings;
  for (const config::Source& source : config.sources) {
    if (source.type == config::SourceType::kPostgres) continue;
    warnings.push_back(fmt::format(
        "source {}: only sources of the type postgres can be backed up yet", source.name));
  }
  return warnings;
}

int CheckConfig(Session& session) {
  std::vector<config::Problem> problems;
  const config::Config config = config::LoadWithProblems(session.load_options(), problems);
  CheckPlaces(config, problems);
  const std::vector<std::string> warnings = Warnings(config);
  const std::string file = config.file ? config.file->string() : "";
  if (session.json()) {
    nlohmann::json list = nlohmann::json::array();
    for (const config::Problem& problem : problems)
      list.push_back(
          {{"where", Where(problem)}, {"message", problem.message}, {"hints", problem.hints}});
    session.PrintJson({{"file", file},
                       {"ok", problems.empty()},
                       {"problems", std::move(list)},
                       {"warnings", warnings}});
  } else if (problems.empty()) {
    session.out() << fmt::format(
        "{}: {}, {}, nothing wrong\n", file.empty() ? "no configuration file" : file,
        base::Counted(config.repositories.size(), "repository", "repositories"),
        base::Counted(config.sources.size(), "source"));
  } else {
    for (const config::Problem& problem : problems) PrintProblem(session.out(), problem);
  }
  for (const std::string& warning : warnings) session.reporter().Warn(warning);
  if (!problems.empty()) return ToInt(ExitCode::kUsage);
  return ToInt(warnings.empty() ? ExitCode::kDone : ExitCode::kAttention);
}

}  // namespace

Command ConfigCheckCommand() {
  return {.path = "config check",
          .purpose = "Check the configuration and name everything that is wrong with it",
          .example = "holdfast --config /etc/holdfast/holdfast.toml config check",
          .declare = [](CLI::App&) -> Action { return CheckConfig; }};
}

}  // namespace holdfast::cli
