// What lies in a cluster's directories when it is restored in place.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "repo/repository.h"
#include "repo/tree.h"
#include "restore/restore.h"

namespace holdfast::restore {

class OldCluster {
 public:
  // Reads the paths of the backup's tree: as much memory as they take.
  OldCluster(const repo::Repository& repository, const RestorePlan& plan);

  // What is in the way or would be there beside the restored files, its topmost path each. Not
  // among it: pg_wal, a restore's own marks, links that the backup has as well, and in a
  // tablespace's directory the folders of other versions, which may be another cluster's.
  using Visit = std::function<void(const base::Path&)>;
  void ForEachStranger(const Visit& visit) const;
  // Size of the regular files that are to be refreshed, by directory of the plan.
  std::map<base::Path, std::uint64_t> Bytes() const;

  // Removes the strangers, without following links; how many there were.
  std::uint64_t RemoveStrangers() const;
  // Error(kConflict) where a link leads to a tablespace that the backup does not have: recovery may
  // make it anew there, and would find its old files.
  void RequireNoStrangeTablespace() const;

 private:
  struct Looker {
    Visit stranger;
    std::function<void(std::uint64_t)> file;
  };
  void Look(const base::Path& directory, const std::string& path, const Looker& looker) const;
  bool IsStranger(const base::Path& place, const std::string& path) const;

  const RestorePlan& plan_;
  std::unordered_map<std::string, repo::FileType> tree_;
};

}  // namespace holdfast::restore
