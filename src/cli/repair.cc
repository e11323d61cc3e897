#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/counted.h"
#include "catalog/cluster_facts.h"
#include "cli/bring_back.h"
#include "cli/commands.h"
#include "cli/damage_report.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/table.h"
#include "replicate/log_copy.h"
#include "repo/damage_mark.h"
#include "repo/ids.h"
#include "repo/snapshot.h"
#include "repo/stored_check.h"
#include "upkeep/examine.h"
#include "upkeep/verify.h"
#include "wal/archive.h"
#include "wal/archive_check.h"
#include "wal/coverage.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string source;
  upkeep::VerifyLevel level = upkeep::VerifyLevel::kList;
  bool dry_run = false;
};

struct WalGap {
  std::string source;
  pg::SystemIdentifier system;
  wal::Gap gap;
  std::uint32_t segment_size = 0;
};

// A backup that is not good although no object of it is damaged: of its WAL for example.
struct Flaw {
  std::string backup;
  std::string flaw;
};

struct Repaired {
  upkeep::VerifyResult found;
  std::map<std::string, BringBackResult> brought;  // by source
  upkeep::VerifyResult left;                       // the same where nothing was brought back
  std::vector<Flaw> flaws;
  std::vector<WalGap> gaps;
  std::vector<BackupLoss> next;  // what the newest backup of each source has lost
};

std::string SourceOf(std::string_view backup) {
  return std::string(backup.substr(0, backup.find('/')));
}

std::optional<repo::ShortPackId> PackOf(std::string_view object) {
  if (!object.starts_with(repo::kPacksPrefix) || !repo::IsStoredName(object)) return std::nullopt;
  return repo::ShortPackId::Of(repo::PackId::FromHex(object.substr(object.rfind('/') + 1)));
}

std::set<repo::ShortPackId> AlteredPacks(const std::vector<upkeep::Damage>& damages) {
  std::set<repo::ShortPackId> packs;
  for (const upkeep::Damage& damage : damages) {
    if (const auto pack = PackOf(damage.object)) packs.insert(*pack);
  }
  return packs;
}

BringBackRequest RequestFor(const std::string& source, const config::Repository& settings,
                            const Options& options, const upkeep::VerifyResult& found) {
  BringBackRequest request{.settings = &settings,
                           .source = source,
                           .backups = {},
                           .altered = AlteredPacks(found.damages),
                           .wal = {},
                           .dry_run = options.dry_run};
  for (const BackupLoss& loss : LossesOf(found.damages)) {
    if (SourceOf(loss.backup) == source)
      request.backups.push_back(repo::BackupId::Parse(loss.backup));
  }
  for (const upkeep::Damage& damage : found.damages) {
    const auto name = wal::ParseWalObjectName(damage.object);
    if (name && name->source == source) request.wal.push_back(damage.object);
  }
  return request;
}

std::set<std::string> HealedWal(const std::map<std::string, BringBackResult>& brought) {
  std::set<std::string> healed;
  for (const auto& [source, result] : brought) {
    for (const BroughtBack& place : result.places)
      healed.insert(place.wal_healed.begin(), place.wal_healed.end());
  }
  return healed;
}

// What every look finds again: packs and records of backups, and WAL that is missing, which has the
// name of no object.
bool IsFoundAgain(std::string_view object) {
  const bool missing_wal = wal::IsInWalArchive(object) && !wal::ParseWalObjectName(object);
  return missing_wal || object.starts_with(repo::kPacksPrefix) ||
         object.starts_with(repo::kSnapshotsPrefix);
}

bool Needs(storage::Storage& storage, const std::string& backup, const repo::ShortPackId& pack) {
  try {
    const auto packs = repo::ReadPackList(storage, repo::BackupId::Parse(backup));
    return std::ranges::find(packs, pack) != packs.end();
  } catch (const base::Error& error) {
    // Gone: it lacks nothing any more. What cannot be read may need it.
    if (error.kind() == base::ErrorKind::kNotFound) return false;
    if (error.kind() != base::ErrorKind::kCorrupt && error.kind() != base::ErrorKind::kUsage) throw;
    return true;
  }
}

// Of a pack that could not be marked, and so was not read again, by those that still need it.
std::vector<upkeep::Damage::Hit> HitsLeft(const repo::Repository& repository,
                                          const upkeep::Damage& damage) {
  std::vector<upkeep::Damage::Hit> hits;
  const auto pack = PackOf(damage.object);
  if (!pack || repository.storage().Stat(repo::DamageMarkObject(*pack))) return hits;
  std::map<std::string, bool> needs;
  for (const upkeep::Damage::Hit& hit : damage.hits) {
    const auto [known, is_new] = needs.try_emplace(hit.backup, false);
    if (is_new) known->second = Needs(repository.storage(), hit.backup, *pack);
    if (known->second) hits.push_back(hit);
  }
  return hits;
}

// What is still damaged: of backups by another look, of the rest what was not healed.
upkeep::VerifyResult LookAgain(Session& session, const repo::Repository& repository,
                               const Options& options, const Repaired& repaired) {
  // What was found by reading packs is marked by now, if it could be.
  const bool reads_packs =
      options.level == upkeep::VerifyLevel::kPacks || options.level == upkeep::VerifyLevel::kData;
  upkeep::VerifyResult left =
      upkeep::Verify(repository,
                     {.level = reads_packs ? upkeep::VerifyLevel::kList : options.level,
                      .source = options.source,
                      .reread_marked = true},
                     session.reporter(), session.stop());
  const std::set<std::string> healed = HealedWal(repaired.brought);
  std::vector<upkeep::Damage> more;
  for (const upkeep::Damage& damage : repaired.found.damages) {
    const bool known = std::ranges::find(left.damages, damage.object, &upkeep::Damage::object) !=
                       left.damages.end();
    if (known) continue;
    if (!IsFoundAgain(damage.object) && !healed.contains(damage.object)) more.push_back(damage);
    if (!reads_packs) continue;
    upkeep::Damage still{
        .object = damage.object, .problem = damage.problem, .hits = HitsLeft(repository, damage)};
    if (!still.hits.empty()) more.push_back(std::move(still));
  }
  std::ranges::move(more, std::back_inserter(left.damages));
  return left;
}

// Whatever took the record of a backup away, unless somebody forgot it: it is lost.
void FindVanished(const repo::Repository& repository, const std::vector<repo::BackupId>& before,
                  std::vector<upkeep::Damage>& left) {
  storage::Storage& storage = repository.storage();
  const std::vector<repo::BackupId> now = repo::ListBackups(repository);
  for (const repo::BackupId& id : before) {
    if (std::ranges::binary_search(now, id) || storage.Stat(repo::TombstoneObject(id))) continue;
    left.push_back({.object = repo::SnapshotObject(id),
                    .problem = "was there before, and is gone",
                    .hits = {{.backup = id.ToString()}}});
  }
}

// Those that this repository holds, or is meant to: what others hold is none of its losses.
std::vector<std::string> SourcesHere(Session& session, const repo::Repository& repository,
                                     const config::Repository& settings, const std::string& named) {
  const std::vector<std::string> held = repo::ListSources(repository);
  std::vector<std::string> sources = SourcesToShow(session, repository, named);
  std::erase_if(sources, [&](const std::string& name) {
    if (std::ranges::find(held, name) != held.end()) return false;
    return std::ranges::none_of(session.config().sources, [&](const config::Source& source) {
      return source.name == name &&
             (&session.config().RepositoryNamed(source.repository) == &settings ||
              std::ranges::any_of(source.copies, [&](const config::Copy& copy) {
                return &session.config().RepositoryNamed(copy.repository) == &settings;
              }));
    });
  });
  return sources;
}

void FindGaps(const repo::Repository& repository, const std::string& source,
              std::vector<WalGap>& gaps) {
  wal::Archive archive(repository, source);
  for (const pg::SystemIdentifier system : archive.Systems()) {
    const wal::Inventory inventory = archive.Take(system);
    const wal::WalRange* before = nullptr;
    for (const wal::WalRange& range : inventory.ranges) {
      if (before != nullptr && before->timeline == range.timeline && before->end < range.start) {
        gaps.push_back(
            {.source = source,
             .system = system,
             .gap = {.timeline = range.timeline, .start = before->end, .end = range.start},
             .segment_size = inventory.segment_size});
      }
      before = &range;
    }
  }
}

// What the server gave as damaged was never anything else: no repository has lost it.
bool HadBadPages(const repo::Snapshot& backup) {
  try {
    return backup.facts.kind == catalog::kClusterKind &&
           !catalog::FactsOf(backup).bad_pages.empty();
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return false;
  }
}

std::string FlawOf(const repo::Repository& repository, const upkeep::ExaminedBackup& backup) {
  const repo::Snapshot& snapshot = backup.snapshot;
  if (!HadBadPages(snapshot)) return backup.flaw;
  const auto& log = snapshot.facts.log;
  if (!log || replicate::HasLog(repository, snapshot.id.source, *log)) return "";
  return "the WAL that makes it consistent is not all in the archive";
}

// Of backups that no damaged object hits.
void FindFlaws(const repo::Repository& repository, const std::vector<std::string>& sources,
               const std::vector<BackupLoss>& losses, std::vector<Flaw>& flaws) {
  const upkeep::ExaminedStore store(repository);
  for (const std::string& source : sources) {
    for (const upkeep::ExaminedBackup& backup :
         upkeep::Examine(repository, store, source).backups) {
      const std::string id = backup.snapshot.id.ToString();
      if (std::ranges::find(losses, id, &BackupLoss::backup) != losses.end()) continue;
      std::string flaw = FlawOf(repository, backup);
      if (!flaw.empty()) flaws.push_back({.backup = id, .flaw = std::move(flaw)});
    }
  }
}

// The next backup is made after the newest that can be read, and compares with it.
void FindNext(const repo::Repository& repository, const std::vector<std::string>& sources,
              const std::vector<BackupLoss>& losses, std::vector<BackupLoss>& next) {
  for (const std::string& source : sources) {
    const auto pass = [](const repo::BackupId&, const base::Error&) {};
    const std::vector<repo::Snapshot> backups = repo::ReadSnapshots(repository, source, pass);
    if (backups.empty()) continue;
    const auto loss = std::ranges::find(losses, backups.back().id.ToString(), &BackupLoss::backup);
    if (loss != losses.end()) next.push_back(*loss);
  }
}

Repaired Run(Session& session, const repo::Repository& repository,
             const config::Repository& settings, const Options& options) {
  Repaired repaired;
  const std::vector<repo::BackupId> before = repo::ListBackups(repository, options.source);
  repaired.found = upkeep::Verify(repository,
                                  {.level = options.level,
                                   .source = options.source,
                                   .mark = !options.dry_run,
                                   .reread_marked = true},
                                  session.reporter(), session.stop());
  const std::vector<std::string> sources =
      SourcesHere(session, repository, settings, options.source);
  for (const std::string& source : sources) {
    repaired.brought[source] =
        BringBack(session, repository, RequestFor(source, settings, options, repaired.found));
  }
  const bool changed = !options.dry_run && !repaired.found.damages.empty();
  repaired.left = changed ? LookAgain(session, repository, options, repaired) : repaired.found;
  if (changed) FindVanished(repository, before, repaired.left.damages);
  const std::vector<BackupLoss> losses = LossesOf(repaired.left.damages);
  FindFlaws(repository, sources, losses, repaired.flaws);
  FindNext(repository, sources, losses, repaired.next);
  for (const std::string& source : sources) FindGaps(repository, source, repaired.gaps);
  return repaired;
}

nlohmann::json Ids(const std::vector<repo::BackupId>& ids) {
  nlohmann::json list = nlohmann::json::array();
  for (const repo::BackupId& id : ids) list.push_back(id.ToString());
  return list;
}

nlohmann::json DamagesJson(const std::vector<upkeep::Damage>& damages) {
  nlohmann::json list = nlohmann::json::array();
  for (const upkeep::Damage& damage : damages) list.push_back(DamageJson(damage));
  return list;
}

nlohmann::json LossesJson(const std::vector<BackupLoss>& losses) {
  nlohmann::json list = nlohmann::json::array();
  for (const BackupLoss& loss : losses)
    list.push_back({{"backup", loss.backup},
                    {"whole_backup", loss.whole},
                    {"files", loss.files},
                    {"pages", loss.pages}});
  return list;
}

nlohmann::json BroughtJson(const std::map<std::string, BringBackResult>& brought) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [source, result] : brought) {
    for (const BroughtBack& place : result.places)
      list.push_back({{"source", source},
                      {"from", place.from},
                      {"backups", Ids(place.healed)},
                      {"wal_files", place.wal_files},
                      {"wal_replaced", place.wal_healed},
                      {"bytes_stored", place.bytes_stored},
                      {"only_there", Ids(place.only_there)}});
  }
  return list;
}

std::vector<std::string> WarningsOf(const Repaired& repaired) {
  std::vector<std::string> warnings = repaired.found.warnings;
  for (const auto& [source, result] : repaired.brought)
    warnings.insert(warnings.end(), result.warnings.begin(), result.warnings.end());
  return warnings;
}

nlohmann::json ToJson(const Repaired& repaired, const config::Repository& settings,
                      const Options& options) {
  nlohmann::json flaws = nlohmann::json::array();
  for (const Flaw& flaw : repaired.flaws)
    flaws.push_back({{"backup", flaw.backup}, {"flaw", flaw.flaw}});
  nlohmann::json gaps = nlohmann::json::array();
  for (const WalGap& gap : repaired.gaps)
    gaps.push_back({{"source", gap.source},
                    {"system", gap.system.value()},
                    {"timeline", gap.gap.timeline.value()},
                    {"from_lsn", pg::FormatLsn(gap.gap.start)},
                    {"to_lsn", pg::FormatLsn(gap.gap.end)},
                    {"segments", gap.gap.ToString(gap.segment_size)}});
  return {{"repository", settings.name},
          {"dry_run", options.dry_run},
          {"backups", repaired.found.backups},
          {"damages", DamagesJson(repaired.found.damages)},
          {"losses", LossesJson(LossesOf(repaired.found.damages))},
          {"marked", repaired.found.marked},
          {"brought_back", BroughtJson(repaired.brought)},
          {"left", DamagesJson(repaired.left.damages)},
          {"losses_left", LossesJson(LossesOf(repaired.left.damages))},
          {"flaws", std::move(flaws)},
          {"wal_gaps", std::move(gaps)},
          {"next_backup", LossesJson(repaired.next)},
          {"warnings", WarningsOf(repaired)}};
}

void PrintBrought(std::ostream& out, const Repaired& repaired, const Options& options) {
  const std::string_view would = options.dry_run ? "would be " : "";
  for (const auto& [source, result] : repaired.brought) {
    for (const BroughtBack& place : result.places) {
      for (const repo::BackupId& id : place.healed)
        out << fmt::format("{}made whole from {}: {}\n", would, place.from, id.ToString());
      const std::uint64_t files = place.wal_files + place.wal_healed.size();
      if (files > 0)
        out << fmt::format("{}brought back from {}: {} of {}\n", would, place.from,
                           base::Counted(files, "WAL file"), source);
      if (place.only_there.empty()) continue;
      out << fmt::format(
          "{} has {} of {} that {} not here, the oldest {}: if they were lost and not let "
          "go, holdfast copy --from {} --to HERE BACKUP\n",
          place.from, base::Counted(place.only_there.size(), "backup"), source,
          place.only_there.size() == 1 ? "is" : "are", place.only_there.front().ToString(),
          place.from);
    }
  }
}

void PrintNext(std::ostream& out, const Repaired& repaired) {
  for (const BackupLoss& loss : repaired.next) {
    const std::string source = SourceOf(loss.backup);
    if (loss.whole) {
      out << fmt::format(
          "the next backup of {} will store again what can no longer be compared, as far as the "
          "source still has it\n",
          source);
    } else {
      out << fmt::format(
          "the next backup of {} will store again {}, as far as the source still has them\n",
          source, InWords(loss));
    }
  }
}

void Print(std::ostream& out, const Repaired& repaired, const Options& options) {
  PrintDamages(out, repaired.found.damages);
  PrintBrought(out, repaired, options);
  const std::vector<BackupLoss> left = LossesOf(repaired.left.damages);
  for (const BackupLoss& loss : left)
    out << Printable(fmt::format("{}: lost: {}", loss.backup, InWords(loss))) << '\n';
  for (const Flaw& flaw : repaired.flaws)
    out << Printable(fmt::format("{}: {}", flaw.backup, flaw.flaw)) << '\n';
  for (const WalGap& gap : repaired.gaps)
    out << fmt::format(
        "no WAL of {} from {} to {} ({}): a recovery from a backup before it ends there\n",
        gap.source, pg::FormatLsn(gap.gap.start), pg::FormatLsn(gap.gap.end),
        gap.gap.ToString(gap.segment_size));
  if (repaired.found.marked > 0)
    out << base::Counted(repaired.found.marked, "pack is marked: no backup builds on it",
                         "packs are marked: no backup builds on them")
        << '\n';
  PrintNext(out, repaired);
  out << fmt::format(
      "{}, {} of them {} something{}\n", base::Counted(repaired.found.backups, "backup"),
      left.size(), left.size() == 1 ? "loses" : "lose",
      repaired.left.damages.empty() && repaired.flaws.empty() ? ": all is whole" : "");
}

ExitCode CodeOf(const Repaired& repaired) {
  if (!repaired.left.damages.empty() || !repaired.flaws.empty()) return ExitCode::kCorrupt;
  return WarningsOf(repaired).empty() ? ExitCode::kDone : ExitCode::kAttention;
}

int Repair(Session& session, const Options& options) {
  const config::Repository& settings = RepositoryForSource(session, options.source);
  const repo::Repository repository = OpenRepository(session, settings);
  RequireKnownSource(session, repository.storage(), options.source);
  const Repaired repaired = Run(session, repository, settings, options);
  for (const std::string& warning : WarningsOf(repaired)) session.reporter().Warn(warning);
  if (session.json()) {
    session.PrintJson(ToJson(repaired, settings, options));
  } else {
    Print(session.out(), repaired, options);
  }
  return ToInt(CodeOf(repaired));
}

void Declare(CLI::App& app, Options& options) {
  const std::vector<std::pair<std::string, upkeep::VerifyLevel>> levels = {
      {"list", upkeep::VerifyLevel::kList},
      {"metadata", upkeep::VerifyLevel::kMetadata},
      {"packs", upkeep::VerifyLevel::kPacks},
      {"data", upkeep::VerifyLevel::kData}};
  app.add_option("SOURCE", options.source, "Source (default: all)");
  TakesChoice(app.add_option("--level", options.level,
                             "list: what is missing, and packs that were found damaged before; "
                             "metadata, packs, data: as verify does"),
              levels)
      ->default_str("list");
  app.add_flag("--dry-run", options.dry_run, "Write nothing, and say what would be done");
}

}  // namespace

Command RepairCommand() {
  return {.path = "repair",
          .purpose =
              "Say what a damaged repository has lost, and bring back what its copies still have",
          .example =
              "holdfast repair --dry-run\n"
              "  holdfast repair shop --level packs",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            Declare(app, *options);
            return [options](Session& session) { return Repair(session, *options); };
          }};
}

}  // namespace holdfast::cli
