// The WAL that lies in a cluster's directory when it is restored in place. It may be all that there
// is of the newest transactions: nothing of it is removed, and what no archive has is named.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "catalog/cluster_facts.h"
#include "wal/archive.h"

namespace holdfast::restore {

// Within pg_wal: servers, backups and pg_verifybackup do not look into it. A number is added where
// one of that name has another file of the same name.
inline constexpr std::string_view kKeptWalFolder = "before-restore";

// Names, relative to `pg_wal` (absent: none), of segments, partial ones and history files of which
// the archive does not have the very content; also of those that an earlier restore put aside. Not
// among them: what is prepared for use, and the newest segment when the archive has a tail of it
// and what follows are the last words of a server that stopped. What cannot be told counts.
std::vector<std::string> UnarchivedWal(wal::Archive& archive, const catalog::ClusterFacts& facts,
                                       const base::Path& pg_wal);

// Makes room in `pg_wal`: moves WAL, and what nobody knows, into the folder, durably; removes what
// servers make anew. How many files were moved.
std::uint64_t PutWalAside(const catalog::ClusterFacts& facts, const base::Path& pg_wal);

}  // namespace holdfast::restore
