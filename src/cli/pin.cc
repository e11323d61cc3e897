#include "repo/pin.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/chosen_backup.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/pin_end.h"
#include "cli/session.h"
#include "repo/snapshot.h"

namespace holdfast::cli {
namespace {

constexpr std::string_view kBackupHelp =
    "source/20261121T070003Z-4f2a, a unique prefix of it, or source/latest";

struct PinOptions {
  std::string backup;
  std::string until;
};

// Whoever forgets looks at the pins first: with both at once, the backup may be pinned and out of
// the lists.
void CheckStillListed(const repo::Repository& repository, const repo::BackupId& id) {
  const repo::SnapshotListing listing = repo::ListSnapshotObjects(repository.storage(), id.source);
  if (listing.snapshots.contains(id) && !listing.tombstones.contains(id)) return;
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("backup {} was forgotten while it was being pinned", id.ToString()),
                    {"what is left: holdfast list " + id.source});
}

int Pin(Session& session, const PinOptions& options) {
  const repo::Repository repository =
      OpenRepository(session, RepositoryForBackups(session, {options.backup}));
  repository.CheckMayWrite();
  const repo::BackupId id = ChooseBackup(repository, options.backup);
  std::optional<base::Time> until;
  if (!options.until.empty())
    until = PinEnd(options.until, repository.storage().StoreTime(), session.config().timezone);
  repo::PutPin(repository.storage(), id, until);
  CheckStillListed(repository, id);
  if (session.json()) {
    session.PrintJson(
        {{"backup", id.ToString()},
         {"pinned", true},
         {"pinned_until", until ? nlohmann::json(session.TimeText(*until)) : nullptr}});
  } else {
    session.out() << fmt::format(
        "{} is kept until {}\n", id.ToString(),
        until ? session.TimeForPeople(*until) : std::string("it is unpinned"));
  }
  return ToInt(ExitCode::kDone);
}

// Also one that is pinned and out of the lists.
repo::BackupId PinnedBackup(const repo::Repository& repository, const std::string& word) {
  try {
    repo::BackupId id = repo::BackupId::Parse(word);
    if (repo::ListPins(repository.storage(), id.source).contains(id)) return id;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kUsage) throw;
  }
  return ChooseBackup(repository, word);
}

bool IsMadeToBeKept(const repo::Repository& repository, const repo::BackupId& id) {
  if (!repository.storage().Stat(repo::SnapshotObject(id))) return false;
  return repo::ReadSnapshot(repository, id).facts.pinned;
}

int Unpin(Session& session, const std::string& backup) {
  const repo::Repository repository =
      OpenRepository(session, RepositoryForBackups(session, {backup}));
  repository.CheckMayWrite();
  const repo::BackupId id = PinnedBackup(repository, backup);
  const std::size_t removed = repo::RemovePins(repository.storage(), id);
  const bool kept = IsMadeToBeKept(repository, id);
  if (session.json()) {
    session.PrintJson({{"backup", id.ToString()}, {"pinned", kept}, {"removed", removed}});
  } else {
    session.out() << fmt::format("{} {}\n", id.ToString(),
                                 removed > 0 ? "is no longer pinned" : "was not pinned");
  }
  if (!kept) return ToInt(ExitCode::kDone);
  session.reporter().Warn(
      fmt::format("{} was made to be kept, as its record says, and that stays: only "
                  "`holdfast forget --even-pinned` lets it go",
                  id.ToString()));
  return ToInt(ExitCode::kAttention);
}

}  // namespace

Command PinCommand() {
  return {.path = "pin",
          .purpose = "Keep a backup, whatever the retention says",
          .example = "holdfast pin shop/latest --until 30d",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<PinOptions>();
            app.add_option("BACKUP", options->backup, std::string(kBackupHelp))->required();
            app.add_option("--until", options->until,
                           "A time, or how long from now (default: until it is unpinned)")
                ->type_name("TIME|DURATION");
            return [options](Session& session) { return Pin(session, *options); };
          }};
}

Command UnpinCommand() {
  return {.path = "unpin",
          .purpose = "Take all pins off a backup; the retention decides about it again",
          .example = "holdfast unpin shop/20261121T070003Z-4f2a",
          .declare = [](CLI::App& app) -> Action {
            const auto backup = std::make_shared<std::string>();
            app.add_option("BACKUP", *backup, std::string(kBackupHelp))->required();
            return [backup](Session& session) { return Unpin(session, *backup); };
          }};
}

}  // namespace holdfast::cli
