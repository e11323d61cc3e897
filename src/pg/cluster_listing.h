// Gathers what a backup holds from what a way of listing finds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/cluster_reader.h"
#include "pg/version.h"

namespace holdfast::pg {

class ClusterListing {
 public:
  explicit ClusterListing(MajorVersion version);

  // Excluded ones are dropped.
  void AddFile(ClusterEntry entry);
  // Also a symbolic link to a folder. Whether its contents are to be looked at.
  [[nodiscard]] bool AddFolder(ClusterEntry entry);

  // Sorted, without the forks of unlogged relations. Throws Error(kUnavailable) when what every
  // cluster has is missing: the listing is not of a whole cluster.
  std::vector<ClusterEntry> Take();

 private:
  std::string version_directory_;
  std::vector<ClusterEntry> entries_;
};

}  // namespace holdfast::pg
