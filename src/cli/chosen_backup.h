// From a BACKUP argument to the backup that is meant.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "config/config.h"
#include "repo/ids.h"
#include "repo/repository.h"

namespace holdfast::cli {

// Where the backups of these words lie: the repository of their sources. Error(kUsage) when they
// lie in several.
const config::Repository& RepositoryForBackups(Session& session,
                                               const std::vector<std::string>& words);

// As repo::ResolveBackup, and says so when the one that is meant was forgotten. A bare name of a
// source is no backup, though it may have only one: Error(kUsage).
repo::BackupId ChooseBackup(const repo::Repository& repository, const std::string& word);

}  // namespace holdfast::cli
