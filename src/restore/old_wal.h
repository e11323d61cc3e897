// The WAL that lies in a cluster's directory when it is restored in place: what no archive has must
// not be lost with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "catalog/cluster_facts.h"
#include "wal/archive.h"

namespace holdfast::restore {

// Within pg_wal: servers, backups and pg_verifybackup do not look into it.
inline constexpr std::string_view kKeptWalFolder = "before-restore";

// Names in `pg_wal` (absent: none) of segments, partial ones and history files that hold something
// of this system that the archive does not. A segment of which the archive has the tail up to where
// its valid WAL ends is none, the last words of a server that stopped apart, nor is one that was
// prepared for re-use. What cannot be told counts.
std::vector<std::string> UnarchivedWal(wal::Archive& archive, const catalog::ClusterFacts& facts,
                                       const base::Path& pg_wal);

// Moves those into the folder, durably, and removes everything else but the folder.
void KeepOnly(const std::vector<std::string>& names, const base::Path& pg_wal);

}  // namespace holdfast::restore
