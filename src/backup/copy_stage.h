// All files of a cluster, through a number of workers, into a tree.
#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "backup/copy_worker.h"
#include "pg/cluster_reader.h"
#include "repo/tree.h"

namespace holdfast::backup {

struct CopyStageOptions {
  int jobs = 2;
  // Where a tablespace's files of this server's version are ("PG_15_202209061").
  std::string tablespace_version_directory;
  // The tree of the backup to compare with, if any.
  std::optional<repo::TreeRoot> parent_tree;
};

// The control file is not in `entries`' way: it is read by the caller, last of all, through
// `read_control` once every worker has been joined. When this returns nothing reads the cluster any
// more.
repo::TreeRoot CopyCluster(const CopyContext& context, const std::vector<pg::ClusterEntry>& entries,
                           const CopyStageOptions& options,
                           const std::function<base::Bytes()>& read_control,
                           const std::stop_token& stop);

}  // namespace holdfast::backup
