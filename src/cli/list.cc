#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/backup_json.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

struct ListOptions {
  std::string source;
  std::string kind;
};

int List(Session& session, const ListOptions& options) {
  const repo::Repository repository =
      OpenRepository(session, RepositoryForSource(session, options.source));
  bool damaged = false;
  nlohmann::json list = nlohmann::json::array();
  Table table({{"BACKUP"},
               {"KIND"},
               {"FINISHED"},
               {"SIZE", Table::Align::kRight},
               {"STORED", Table::Align::kRight},
               {"NOTES"}});
  const auto report_damage = [&](const repo::BackupId& id, const base::Error& error) {
    damaged = true;
    session.reporter().Warn(fmt::format("backup {}: {}", id.ToString(), error.message()));
    list.push_back({{"id", id.ToString()}, {"source", id.source}, {"error", error.message()}});
  };
  for (const repo::Snapshot& snapshot :
       repo::ReadSnapshots(repository, options.source, report_damage)) {
    if (!options.kind.empty() && snapshot.facts.kind != options.kind) continue;
    try {
      if (session.json()) {
        list.push_back(BackupJson(session, snapshot));
      } else {
        table.Add(BackupRow(session, snapshot));
      }
    } catch (const base::Error& error) {
      report_damage(snapshot.id, error);
    }
  }
  if (session.json()) {
    session.PrintJson(list);
  } else {
    table.Print(session.out());
  }
  return ToInt(damaged ? ExitCode::kCorrupt : ExitCode::kDone);
}

}  // namespace

Command ListCommand() {
  return {.path = "list",
          .purpose = "List the backups of one source, or of all",
          .example = "holdfast list shop",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<ListOptions>();
            app.add_option("SOURCE", options->source, "Source (default: all)");
            app.add_option("--kind", options->kind, "Only this kind")
                ->check(CLI::IsMember({"cluster", "dump", "volume"}));
            return [options](Session& session) { return List(session, *options); };
          }};
}

}  // namespace holdfast::cli
