// Which cluster a source is, as the repository knows it: another one must not get into its archive.
#pragma once

#include <optional>
#include <string>

#include "pg/lsn.h"
#include "repo/repository.h"

namespace holdfast::cli {

bool HasWalOf(const repo::Repository& repository, const std::string& source,
              pg::SystemIdentifier system);
bool HasBackupOf(const repo::Repository& repository, const std::string& source,
                 pg::SystemIdentifier system);

// Error(kConflict) when the source is known, and this is none of the clusters that it was. False
// when nothing of the source is there yet.
bool RequireOwnCluster(const repo::Repository& repository, const std::string& source,
                       pg::SystemIdentifier system);

// The cluster of the newest backup, else one that there is WAL of: a backup is how a
// source becomes another cluster, after pg_upgrade. Empty when nothing is known.
std::optional<pg::SystemIdentifier> ClusterOf(const repo::Repository& repository,
                                              const std::string& source);

}  // namespace holdfast::cli
