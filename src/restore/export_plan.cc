#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "repo/frame_reader.h"
#include "restore/backup_contents.h"
#include "restore/claim.h"
#include "restore/destination.h"
#include "restore/encrypted_7z.h"
#include "restore/export.h"
#include "restore/portable_config.h"
#include "restore/reach.h"
#include "restore/recovery_settings.h"
#include "restore/surroundings.h"
#include "restore/unfinished_file.h"
#include "wal/archive.h"

namespace holdfast::restore {

namespace {

constexpr std::string_view kConfigEnding = ".conf";

catalog::ClusterBackup ReadCluster(const repo::Repository& repository, const repo::BackupId& id) {
  repo::Snapshot snapshot = repo::ReadSnapshot(repository, id);
  if (snapshot.facts.kind != catalog::kClusterKind) {
    throw base::Error(base::ErrorKind::kUsage,
                      fmt::format("backup {} is of kind {}: only cluster backups can be exported",
                                  id.ToString(), snapshot.facts.kind));
  }
  catalog::ClusterFacts facts = catalog::FactsOf(snapshot);
  return {.snapshot = std::move(snapshot), .facts = std::move(facts)};
}

// Is the WAL from its start to its stop there?
wal::Lineage CheckWal(const repo::Repository& repository, const catalog::ClusterBackup& backup,
                      const std::string& time_zone) {
  const catalog::ClusterFacts& facts = backup.facts;
  wal::Archive archive(repository, backup.snapshot.id.source);
  const wal::Inventory inventory = archive.Take(facts.system);
  pg::TimelineHistory history;
  if (facts.timeline != pg::TimelineId(1)) {
    auto stored = archive.History(facts.system, facts.timeline);
    if (!stored) {
      throw base::Error(base::ErrorKind::kNotFound,
                        fmt::format("the history file of timeline {} is not in the archive",
                                    facts.timeline.value()));
    }
    history = std::move(*stored);
  }
  const WalView view{.archive = archive,
                     .inventory = inventory,
                     .system = facts.system,
                     .history = history,
                     .time_zone = time_zone};
  CheckWalOfBackup(view, backup);
  return history.Spans();
}

// The setting came with 15 and with the minors of August 2022, together with the check that it
// turns off.
bool KnowsInPlaceTablespaces(int server_version) {
  if (server_version < 140000) return server_version >= 130008;
  return server_version >= 140005;
}

void PlaceTablespaces(const ExportOptions& options, RestorePlan& plan) {
  bool in_place = false;
  for (const catalog::TablespaceFacts& tablespace : plan.facts.tablespaces)
    in_place = in_place || tablespace.in_place || options.format != ExportFormat::kDirectory;
  if (!in_place) return;
  if (KnowsInPlaceTablespaces(plan.facts.server_version)) {
    plan.config.overrides[std::string(kInPlaceSetting)] = "on";
  } else {
    plan.warnings.push_back(fmt::format(
        "tablespaces are directories in pg_tblspc: start servers of newer minor releases with -c "
        "{}=on",
        kInPlaceSetting));
  }
}

ConfigPlaces DecidePlaces(PieceReader& pieces, const ConfigEntries& entries,
                          const catalog::ClusterFacts& facts) {
  std::map<std::string, std::string> texts;
  for (const auto& [path, entry] : entries) {
    if (path.ends_with(kConfigEnding))
      texts[path] = std::string(base::AsText(pieces.Content(entry)));
  }
  return PortablePlaces({.settings = SettingsOf(pieces, entries),
                         .outside_files = facts.outside_files,
                         .has = [&](const std::string& path) { return entries.contains(path); }},
                        texts);
}

void CheckPlace(const ExportOptions& options, RestorePlan& plan) {
  if (options.format == ExportFormat::kDirectory) {
    (void)CheckDataDirectory(plan.to);
    plan.tablespaces = MapTablespaces(plan.facts.tablespaces, options.tablespaces, plan.to);
    for (const auto& [oid, directory] : plan.tablespaces)
      CheckTablespaceDirectory(directory, plan.to);
    RequireOutside(plan.to, plan.tablespaces, options.precious);
    return;
  }
  if (!options.tablespaces.empty()) {
    throw base::Error(base::ErrorKind::kUsage,
                      "--tablespace is for directories: an archive holds the tablespaces itself",
                      {"before the first start a directory in pg_tblspc can be moved, and a link "
                       "put in its place"});
  }
  if (!options.passphrase.empty()) CheckEncrypted7z(options.passphrase);
  if (plan.to.empty()) return;
  CheckFreeName(plan.to);
  RequireOutside(plan.to, plan.tablespaces, options.precious);
}

// How much a compressed one will need nobody knows.
void CheckRoom(const ExportOptions& options, const RestorePlan& plan,
               std::map<base::Path, std::uint64_t> bytes) {
  const std::uint64_t wal = plan.facts.stop_lsn.value() - plan.facts.start_lsn.value() +
                            2 * std::uint64_t{plan.facts.wal_segment_size};
  if (options.format == ExportFormat::kDirectory) {
    bytes[plan.to] += wal;
    CheckSpace(bytes);
  } else if (options.format == ExportFormat::kTar && !plan.to.empty()) {
    CheckSpace({{plan.to.parent_path(), plan.bytes + wal}});
  }
}

}  // namespace

RestorePlan PlanExport(const repo::Repository& repository, const ExportOptions& options,
                       base::Reporter& report) {
  repository.RequireContentKey("exporting");
  const catalog::ClusterBackup chosen = ReadCluster(repository, options.backup);
  RestorePlan plan{.starts_as = StartsAs::kBaseBackup,
                   .backup = chosen.snapshot,
                   .facts = chosen.facts,
                   .lineage = {},
                   .target_timeline = chosen.facts.timeline,
                   .wal_end = chosen.facts.stop_lsn,
                   .last_commit = {},
                   .gap = {},
                   .target = {.target = ImmediateTarget{}, .timeline = {}},
                   .to = options.to,
                   .tablespaces = {},
                   .config = {},
                   .others = std::make_shared<OtherCopies>(chosen.snapshot, options.others,
                                                           repository.clock(), report),
                   .warnings = {},
                   .told = {}};
  AtDestination([&] { CheckPlace(options, plan); });
  plan.lineage = CheckWal(repository, chosen, options.time_zone);
  CheckPacks(repository, plan);
  const auto bytes = ReadTree(
      repository,
      [&](PieceReader& pieces, const ConfigEntries& entries) {
        return DecidePlaces(pieces, entries, plan.facts);
      },
      plan);
  AtDestination([&] { CheckRoom(options, plan, bytes); });
  PlaceTablespaces(options, plan);
  AddWarnings(plan);
  return plan;
}

}  // namespace holdfast::restore
