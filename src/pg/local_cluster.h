// Whether a local data directory is the one that a session's server runs on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "pg/backup_session.h"

namespace holdfast::pg {

// The lines of postmaster.pid that say who wrote it. Source: src/include/utils/pidfile.h.
struct PostmasterPid {
  std::string data_directory;
  base::Time start;  // whole seconds, before shared memory was made
  int port = 0;
};
// Throws Error(kCorrupt).
PostmasterPid ParsePostmasterPid(std::string_view text);

// Throws Error(kConflict) unless `root` is the data directory of the session's postmaster.
void RequireSessionsCluster(const base::File& root, const ClusterFacts& facts,
                            const PostmasterProof& proof);

// The names of segments, .partial and .history files, sorted.
std::vector<std::string> WalFilesAmong(std::vector<std::string> names);

}  // namespace holdfast::pg
