#include "cli/cluster_of_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "repo/ids.h"
#include "repo/snapshot.h"
#include "wal/archive.h"

namespace holdfast::cli {
namespace {

// A damaged record tells nothing, and must not stand in the way of archiving.
std::optional<repo::LogRange> LogOf(const repo::Repository& repository, const repo::BackupId& id) {
  try {
    return repo::ReadPlainSnapshot(repository.storage(), id).log;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return std::nullopt;
  }
}

}  // namespace

bool HasWalOf(const repo::Repository& repository, const std::string& source,
              pg::SystemIdentifier system) {
  const std::vector<pg::SystemIdentifier> known = wal::Archive(repository, source).Systems();
  return std::ranges::find(known, system) != known.end();
}

bool HasBackupOf(const repo::Repository& repository, const std::string& source,
                 pg::SystemIdentifier system) {
  for (const repo::BackupId& id : repo::ListBackups(repository, source)) {
    const std::optional<repo::LogRange> log = LogOf(repository, id);
    if (log && log->system == system.value()) return true;
  }
  return false;
}

bool RequireOwnCluster(const repo::Repository& repository, const std::string& source,
                       pg::SystemIdentifier system) {
  if (HasWalOf(repository, source, system) || HasBackupOf(repository, source, system)) return true;
  const std::optional<pg::SystemIdentifier> known = ClusterOf(repository, source);
  if (!known) return false;
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("this is the cluster {}, but the source {} is the cluster {}", system.value(),
                  source, known->value()),
      {"each cluster needs a source of its own",
       fmt::format("after pg_upgrade take a first backup of the new cluster: `holdfast backup {} "
                   "--new-cluster`",
                   source)});
}

std::optional<pg::SystemIdentifier> ClusterOf(const repo::Repository& repository,
                                              const std::string& source) {
  const std::vector<repo::BackupId> backups = repo::ListBackups(repository, source);
  for (auto id = backups.rbegin(); id != backups.rend(); ++id) {
    const std::optional<repo::LogRange> log = LogOf(repository, *id);
    if (log) return pg::SystemIdentifier(log->system);
  }
  const std::vector<pg::SystemIdentifier> systems = wal::Archive(repository, source).Systems();
  if (systems.empty()) return std::nullopt;
  return systems.front();
}

}  // namespace holdfast::cli
