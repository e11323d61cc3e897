#include "cli/chosen_backup.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/source_access.h"
#include "repo/snapshot.h"

namespace holdfast::cli {
namespace {

using base::Error;
using base::ErrorKind;

std::string SourceIn(const std::string& word) {
  const std::size_t slash = word.find('/');
  return slash == std::string::npos ? std::string() : word.substr(0, slash);
}

bool IsForgotten(const repo::Repository& repository, const std::string& word) {
  const std::string source = SourceIn(word);
  if (source.empty()) return false;
  const repo::SnapshotListing listing = repo::ListSnapshotObjects(repository.storage(), source);
  return std::ranges::any_of(listing.tombstones, [&](const repo::BackupId& id) {
    return id.ToString() == word && listing.snapshots.contains(id);
  });
}

void RefuseSource(const repo::Repository& repository, const std::string& word) {
  if (word.find('/') != std::string::npos) return;
  const std::vector<std::string> sources = repo::ListSources(repository);
  if (std::ranges::find(sources, word) == sources.end()) return;
  throw Error(ErrorKind::kUsage, fmt::format("{} is a source, and no backup is named", word),
              {fmt::format("see which there are: holdfast list {}", word),
               fmt::format("the newest is {}/latest", word)});
}

}  // namespace

const config::Repository& RepositoryForBackups(Session& session,
                                               const std::vector<std::string>& words) {
  const config::Repository* chosen = nullptr;
  for (const std::string& word : words) {
    const config::Repository& repository = RepositoryForSource(session, SourceIn(word));
    if (chosen != nullptr && chosen->name != repository.name)
      throw Error(
          ErrorKind::kUsage,
          fmt::format("these backups lie in repositories {} and {}", chosen->name, repository.name),
          {"name those of one repository at a time"});
    chosen = &repository;
  }
  return chosen != nullptr ? *chosen : RepositoryForSource(session, "");
}

repo::BackupId ChooseBackup(const repo::Repository& repository, const std::string& word) {
  RefuseSource(repository, word);
  try {
    return repo::ResolveBackup(repository, word);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kNotFound || !IsForgotten(repository, word)) throw;
    throw Error(ErrorKind::kNotFound, fmt::format("backup {} has been forgotten", word),
                {"see what is left, and what will be deleted: holdfast list --forgotten"});
  }
}

}  // namespace holdfast::cli
