// Where a restore writes: which directory each tablespace gets, and is there room?
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/file.h"
#include "catalog/cluster_facts.h"
#include "pg/lsn.h"

namespace holdfast::restore {

// Where every tablespace outside the data directory goes: as asked by location, name or OID, else
// where it was. Error(kUsage) for a mapping that fits none, Error(kConflict) for two into one
// directory or one inside another.
std::map<pg::Oid, base::Path> MapTablespaces(
    const std::vector<catalog::TablespaceFacts>& tablespaces,
    const std::map<std::string, base::Path>& asked, const base::Path& data_directory);

// Space by directory. Error(kUnavailable) naming the file system that has too little; directories
// on one file system are added up.
void CheckSpace(const std::map<base::Path, std::uint64_t>& bytes_by_directory);

}  // namespace holdfast::restore
