// Finds what changed in a cluster since an earlier backup, from the WAL in between.
#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>

#include "backup/backup.h"
#include "catalog/cluster_facts.h"
#include "pg/backup_session.h"
#include "pg/block_changes.h"
#include "pg/timeline_history.h"
#include "wal/archive.h"

namespace holdfast::backup {

struct FoundByWal {
  std::optional<pg::BlockChanges> changes;
  // Why there are none: everything must be read then. A sentence's part: "the WAL ... is missing".
  std::string why_not;
  // The WAL between two backups is not kept at all, which is somebody's choice.
  bool is_normal = false;
  std::size_t from_summaries = 0;  // segments
  std::size_t from_wal = 0;
};

// May a backup that starts now on `history` leave out what the WAL since `parent` does not name?
// Empty: it may. The earlier backup must lie on the history wholly, also its end: pages that it
// read after the point where its timeline was left hold what never happened here, hint bits
// included, of which no WAL tells.
std::optional<std::string> WhyNotBuiltOn(const catalog::ClusterFacts& parent,
                                         const pg::ClusterFacts& cluster,
                                         const pg::BackupStart& start,
                                         const pg::TimelineHistory& history);

// Nothing that is wrong with the WAL is an error here; a store or server that does not answer is.
FoundByWal FindByWal(const BackupOptions& options, const pg::BackupSession& session,
                     const catalog::ClusterFacts& parent, wal::Archive& archive,
                     const std::stop_token& stop);

}  // namespace holdfast::backup
