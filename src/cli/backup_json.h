// Backups as --json shows them.
#pragma once

#include <nlohmann/json.hpp>

#include "catalog/cluster_facts.h"
#include "cli/backup_marks.h"
#include "cli/session.h"
#include "repo/snapshot.h"

namespace holdfast::cli {

// Facts of a cluster backup are there for kind "cluster" only.
nlohmann::json BackupJson(Session& session, const repo::Snapshot& snapshot,
                          const BackupMarks& marks);

// The lines of `list`.
std::vector<std::string> BackupRow(Session& session, const repo::Snapshot& snapshot,
                                   const BackupMarks& marks);

}  // namespace holdfast::cli
