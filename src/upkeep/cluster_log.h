// The archive of one cluster, as far as it tells which backups are of use.
#pragma once

#include <optional>
#include <string>

#include "catalog/cluster_facts.h"
#include "pg/lsn.h"
#include "pg/timeline_history.h"
#include "repo/repository.h"
#include "wal/archive.h"

namespace holdfast::upkeep {

class ClusterLog {
 public:
  // One listing. What is contradictory there becomes a flaw of all backups; a silent store is
  // thrown.
  ClusterLog(const repo::Repository& repository, const std::string& source,
             pg::SystemIdentifier system);

  // Why the WAL that makes a backup consistent cannot be had, in words; empty: it is there.
  std::string FlawOf(const catalog::ClusterFacts& facts) const;
  // Where the WAL ends that a backup needs and that is there without a gap: its stop, or before it.
  pg::Lsn ReachOf(const catalog::ClusterFacts& facts) const;
  // Whether recovery from the backup can go on to where the cluster is now.
  bool LeadsToPresent(const catalog::ClusterFacts& facts) const;

 private:
  void ChoosePresent();

  wal::Archive archive_;
  const pg::SystemIdentifier system_;
  wal::Inventory inventory_;
  std::optional<pg::TimelineId> present_;
  std::optional<pg::TimelineHistory> history_;
  std::string problem_;
};

}  // namespace holdfast::upkeep
