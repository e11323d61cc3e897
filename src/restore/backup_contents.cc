#include "restore/backup_contents.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/counted.h"
#include "base/error.h"
#include "repo/frame_reader.h"
#include "restore/config_settings.h"
#include "restore/lost_files.h"
#include "restore/pack_presence.h"
#include "restore/tree_walk.h"

namespace holdfast::restore {

namespace {

constexpr std::uint64_t kMaxConfigBytes = base::kMiB;

// Where the server's configuration may lie: not where it keeps data.
bool MayBeConfiguration(const repo::TreeEntry& entry) {
  constexpr std::array<std::string_view, 3> kData = {"base/", "global/", "pg_"};
  if (entry.path.starts_with("pg_hba.") || entry.path.starts_with("pg_ident.")) return true;
  return entry.size <= kMaxConfigBytes && std::ranges::none_of(kData, [&](std::string_view data) {
           return entry.path.starts_with(data);
         });
}

[[noreturn]] void RefuseDamaged(const repo::BackupId& id, std::string problem,
                                const std::vector<std::string>& files) {
  constexpr std::size_t kMaxNamed = 20;
  if (!files.empty()) {
    const std::size_t named = std::min(files.size(), kMaxNamed);
    problem += fmt::format(
        "; {} of its files cannot be restored: {}", files.size(),
        fmt::join(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(named), ", "));
    if (files.size() > named) problem += fmt::format(" and {} more", files.size() - named);
  }
  throw base::Error(
      base::ErrorKind::kCorrupt, std::move(problem),
      {fmt::format("choose another backup with --backup: holdfast list {}", id.source),
       "or another repository that holds it with --repository",
       "restore --allow-damaged restores everything that is not hit, into a new directory",
       "holdfast repair tells what else is affected, and brings back what copies have"});
}

}  // namespace

void CheckPacks(const repo::Repository& repository, RestorePlan& plan) {
  const NeededPacks packs = LookForPacks(repository, plan.backup.id);
  plan.packs = packs.count;
  if (packs.missing.empty() && packs.marked.empty()) return;
  std::vector<std::string> lost;
  std::uint64_t elsewhere = 0;
  ForEachLostFile(repository, plan.backup, packs, [&](const repo::TreeEntry& file) {
    if (plan.others->Hold(file)) {
      ++elsewhere;
    } else {
      lost.push_back(file.path);
    }
  });
  const std::string problem = ToText(packs, plan.backup.id);
  if (!lost.empty() && !plan.allow_damaged) RefuseDamaged(plan.backup.id, problem, lost);
  if (!lost.empty()) {
    plan.warnings.push_back(fmt::format("{}; {} restored without what is lost", problem,
                                        base::Counted(lost.size(), "file is", "files are")));
    return;
  }
  if (elsewhere == 0 && packs.missing.empty()) return;
  plan.warnings.push_back(fmt::format("{}; what {} of that is taken from copies", problem,
                                      base::Counted(elsewhere, "file needs", "files need")));
}

std::map<std::string, std::string> SettingsOf(PieceReader& pieces, const ConfigEntries& entries) {
  ConfigFiles files{.paths = {},
                    .read = [&](const std::string& path) -> std::optional<std::string> {
                      const auto found = entries.find(path);
                      if (found == entries.end()) return std::nullopt;
                      return std::string(base::AsText(pieces.Content(found->second)));
                    }};
  for (const auto& [path, entry] : entries) files.paths.push_back(path);
  return SettingsInForce(files);
}

std::map<base::Path, std::uint64_t> ReadTree(const repo::Repository& repository,
                                             const DecideConfig& decide, RestorePlan& plan) {
  std::map<base::Path, std::uint64_t> bytes_by_directory;
  repo::FrameReader frames(repository);
  repo::TreeReader tree(frames, plan.backup.facts.tree);
  ConfigEntries config;
  while (const auto entry = tree.Next()) {
    if (entry->type != repo::FileType::kRegular) continue;
    if (MayBeConfiguration(*entry)) config.emplace(entry->path, *entry);
    ++plan.files;
    plan.bytes += entry->size;
    const auto oid = TablespaceOf(entry->path);
    const auto mapped = oid ? plan.tablespaces.find(*oid) : plan.tablespaces.end();
    bytes_by_directory[mapped == plan.tablespaces.end() ? plan.to : mapped->second] += entry->size;
  }
  PieceReader pieces(repository, frames, *plan.others);
  plan.config = decide(pieces, config);
  return bytes_by_directory;
}

void AddWarnings(RestorePlan& plan) {
  if (!plan.facts.bad_pages.empty()) {
    plan.warnings.push_back(base::Counted(plan.facts.bad_pages.size(), "page was", "pages were") +
                            " already damaged on the server when this backup was taken");
  }
  if (!plan.facts.outside_files.empty()) {
    plan.warnings.push_back(fmt::format(
        "the source's configuration lay outside its data directory and is not in the backup: {}",
        fmt::join(plan.facts.outside_files, ", ")));
  }
  plan.warnings.insert(plan.warnings.end(), plan.config.warnings.begin(),
                       plan.config.warnings.end());
}

}  // namespace holdfast::restore
