#include "restore/backup_contents.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/error.h"
#include "repo/frame_reader.h"
#include "repo/stored_check.h"
#include "restore/config_settings.h"
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

}  // namespace

std::uint64_t CheckPacks(const repo::Repository& repository, const repo::BackupId& id) {
  const std::vector<repo::ShortPackId> needed = repo::ReadPackList(repository.storage(), id);
  std::set<repo::ShortPackId> missing(needed.begin(), needed.end());
  repository.storage().List(repo::kPacksPrefix, {}, [&](const storage::ObjectInfo& object) {
    if (!repo::IsStoredName(object.name)) return;  // somebody's copy beside the packs
    const auto slash = object.name.rfind('/');
    missing.erase(repo::ShortPackId::Of(repo::PackId::FromHex(object.name.substr(slash + 1))));
  });
  if (!missing.empty()) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} of the {} packs of backup {} are missing, the first is {}...",
                                  missing.size(), needed.size(), id.ToString(),
                                  base::ToHex(missing.begin()->bytes)),
                      {"choose another backup: holdfast list shows them",
                       "holdfast verify tells what else is affected"});
  }
  return needed.size();
}

std::map<std::string, std::string> SettingsOf(repo::FrameReader& frames,
                                              const ConfigEntries& entries) {
  ConfigFiles files{.paths = {},
                    .read = [&](const std::string& path) -> std::optional<std::string> {
                      const auto found = entries.find(path);
                      if (found == entries.end()) return std::nullopt;
                      return std::string(base::AsText(frames.Content(found->second)));
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
  plan.config = decide(frames, config);
  return bytes_by_directory;
}

void AddWarnings(RestorePlan& plan) {
  if (!plan.facts.bad_pages.empty()) {
    plan.warnings.push_back(
        fmt::format("{} pages were already damaged on the server when this backup was taken",
                    plan.facts.bad_pages.size()));
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
