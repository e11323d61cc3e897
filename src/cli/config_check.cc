#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"

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

int CheckConfig(Session& session) {
  std::vector<config::Problem> problems;
  const config::Config config = config::LoadWithProblems(session.load_options(), problems);
  const std::string file = config.file ? config.file->string() : "";
  if (session.json()) {
    nlohmann::json list = nlohmann::json::array();
    for (const config::Problem& problem : problems)
      list.push_back(
          {{"where", Where(problem)}, {"message", problem.message}, {"hints", problem.hints}});
    session.PrintJson({{"file", file}, {"ok", problems.empty()}, {"problems", std::move(list)}});
  } else if (problems.empty()) {
    session.out() << fmt::format("{}: {} repositories, {} sources, nothing wrong\n",
                                 file.empty() ? "no configuration file" : file,
                                 config.repositories.size(), config.sources.size());
  } else {
    for (const config::Problem& problem : problems) PrintProblem(session.out(), problem);
  }
  return ToInt(problems.empty() ? ExitCode::kDone : ExitCode::kUsage);
}

}  // namespace

Command ConfigCheckCommand() {
  return {.path = "config check",
          .purpose = "Check the configuration and name everything that is wrong with it",
          .example = "holdfast --config /etc/holdfast/holdfast.toml config check",
          .declare = [](CLI::App&) -> Action { return CheckConfig; }};
}

}  // namespace holdfast::cli
