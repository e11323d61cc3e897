#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/backup_json.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

struct ListOptions {
  std::string source;
  std::string kind;
  bool forgotten = false;
};

struct ListedBackup {
  repo::Snapshot snapshot;
  BackupMarks::Lost lost = BackupMarks::Lost::kNo;
};

class Listing {
 public:
  Listing(Session& session, const ListOptions& options, const repo::Repository& repository)
      : session_(session),
        options_(options),
        repository_(repository),
        pins_(repo::ListPins(repository.storage(), options.source)) {}

  int Print() {
    for (const ListedBackup& backup : Backups()) {
      if (options_.kind.empty() || backup.snapshot.facts.kind == options_.kind) Add(backup);
    }
    if (session_.json()) {
      session_.PrintJson(list_);
    } else if (!table_.empty()) {
      table_.Print(session_.out());
    } else if (!damaged_) {
      session_.reporter().Note("there is no backup here; `holdfast backup SOURCE` makes one");
    }
    return ToInt(damaged_ ? ExitCode::kCorrupt : ExitCode::kDone);
  }

 private:
  void ReportDamage(const repo::BackupId& id, const base::Error& error) {
    damaged_ = true;
    session_.reporter().Warn(fmt::format("backup {}: {}", id.ToString(), error.message()));
    list_.push_back({{"id", id.ToString()}, {"source", id.source}, {"error", error.message()}});
  }

  std::vector<ListedBackup> Backups() {
    std::vector<ListedBackup> backups;
    for (repo::Snapshot& snapshot : repo::ReadSnapshots(
             repository_, options_.source,
             [this](const repo::BackupId&id, const base::Error&error) { ReportDamage(id, error); }))
      backups.push_back({.snapshot = std::move(snapshot)});
    if (options_.forgotten) AddLost(backups);
    return backups;
  }

  void AddLost(std::vector<ListedBackup>& backups) {
    for (const LostBackup& lost : FindLost(repository_.storage(), options_.source)) {
      try {
        backups.push_back(
            {.snapshot = repo::ReadSnapshot(repository_, lost.id), .lost = lost.lost});
      } catch (const base::Error& error) {
        // Deleted at this moment, or damaged, and on its way out in any case.
        if (error.kind() != base::ErrorKind::kNotFound) session_.reporter().Note(error.message());
      }
    }
    std::ranges::sort(backups, repo::IsEarlier, &ListedBackup::snapshot);
  }

  void Add(const ListedBackup& backup) {
    // What is over is judged by this host's clock: it is for people.
    BackupMarks marks = MarksOf(backup.snapshot, pins_, session_.clock().Now());
    marks.lost = backup.lost;
    try {
      if (session_.json()) {
        list_.push_back(BackupJson(session_, backup.snapshot, marks));
      } else {
        table_.Add(BackupRow(session_, backup.snapshot, marks));
      }
    } catch (const base::Error& error) {
      ReportDamage(backup.snapshot.id, error);
    }
  }

  Session& session_;
  const ListOptions& options_;
  const repo::Repository& repository_;
  const repo::Pins pins_;
  bool damaged_ = false;
  nlohmann::json list_ = nlohmann::json::array();
  Table table_{{{"BACKUP"},
                {"KIND"},
                {"FINISHED"},
                {"SIZE", Table::Align::kRight},
                {"STORED", Table::Align::kRight},
                {"NOTES"}}};
};

int List(Session& session, const ListOptions& options) {
  const repo::Repository repository =
      OpenRepository(session, RepositoryForSource(session, options.source));
  RequireKnownSource(session, repository.storage(), options.source);
  return Listing(session, options, repository).Print();
}

}  // namespace

Command ListCommand() {
  return {.path = "list",
          .purpose = "List the backups of one source, or of all",
          .example = "holdfast list shop",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<ListOptions>();
            app.add_option("SOURCE", options->source, "Source (default: all)");
            TakesWord(app.add_option("--kind", options->kind, "Only this kind"),
                      {"cluster", "dump", "volume"});
            app.add_flag("--forgotten", options->forgotten,
                         "Also those that were forgotten or withdrawn and are not deleted yet");
            return [options](Session& session) { return List(session, *options); };
          }};
}

}  // namespace holdfast::cli
