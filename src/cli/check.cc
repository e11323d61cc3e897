#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>

#include "cli/check_grants.h"
#include "cli/check_items.h"
#include "cli/check_repository.h"
#include "cli/check_server.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string source;
  bool grants = false;
  std::string role;
};

struct SourceItems {
  std::string source;
  std::vector<CheckItem> items;
};

SourceItems CheckSource(Session& session, const config::Source& source) {
  SourceItems checked{.source = source.name,
                      .items = CheckRepository(session, ChooseRepository(session, &source))};
  if (source.type != config::SourceType::kPostgres) return checked;
  for (CheckItem& item : CheckCluster(session, source)) checked.items.push_back(std::move(item));
  return checked;
}

std::vector<const config::Source*> SourcesOf(Session& session, const std::string& named) {
  if (!named.empty()) return {&session.config().SourceNamed(named)};
  std::vector<const config::Source*> sources;
  for (const config::Source& source : session.config().sources) sources.push_back(&source);
  if (sources.empty()) throw NoSource();
  return sources;
}

nlohmann::json ToJson(const SourceItems& checked) {
  nlohmann::json items = nlohmann::json::array();
  CheckState worst = CheckState::kOk;
  for (const CheckItem& item : checked.items) {
    worst = std::max(worst, item.state);
    items.push_back({{"name", item.name},
                     {"state", CheckStateName(item.state)},
                     {"detail", item.detail},
                     {"hint", item.hint}});
  }
  return {
      {"source", checked.source}, {"state", CheckStateName(worst)}, {"items", std::move(items)}};
}

void PrintForPeople(Session& session, const SourceItems& checked) {
  session.out() << Printable(checked.source) << '\n';
  for (const CheckItem& item : checked.items) {
    session.out() << Printable(fmt::format("  {:<9}  {}: {}", CheckStateName(item.state), item.name,
                                           item.detail))
                  << '\n';
    std::istringstream hints(item.hint);
    for (std::string hint; std::getline(hints, hint);)
      session.out() << Printable(fmt::format("             hint: {}", hint)) << '\n';
  }
}

int Check(Session& session, const Options& options) {
  std::vector<CheckItem> all;
  nlohmann::json sources = nlohmann::json::array();
  for (const config::Source* source : SourcesOf(session, options.source)) {
    const SourceItems checked = CheckSource(session, *source);
    all.insert(all.end(), checked.items.begin(), checked.items.end());
    if (session.json()) {
      sources.push_back(ToJson(checked));
    } else {
      PrintForPeople(session, checked);
    }
  }
  if (session.json()) session.PrintJson({{"sources", std::move(sources)}});
  return ToInt(ExitCodeOf(all));
}

int Run(Session& session, const Options& options) {
  if (!options.grants && options.role.empty()) return Check(session, options);
  if (!options.grants)
    throw base::Error(base::ErrorKind::kUsage, "--role goes with --grants",
                      {"say holdfast check SOURCE --grants --role NAME"});
  if (options.source.empty())
    throw base::Error(base::ErrorKind::kUsage, "--grants needs a source",
                      {"the server's version decides what to grant: holdfast check SOURCE "
                       "--grants"});
  return PrintGrants(session, options.source, options.role);
}

}  // namespace

Command CheckCommand() {
  return {.path = "check",
          .purpose =
              "Try everything that a backup and a restore need; each failure says how to "
              "mend it",
          .example = "holdfast check shop",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            app.add_option("SOURCE", options->source, "Source (default: all)");
            app.add_flag("--grants", options->grants,
                         "Only print the statements that give a role what it needs");
            app.add_option("--role", options->role,
                           "Role of these statements (default: the connection's user)")
                ->type_name("ROLE");
            return [options](Session& session) { return Run(session, *options); };
          }};
}

}  // namespace holdfast::cli
