// The directories a restore writes into: may they be, and how an unfinished restore is told from a
// cluster.
//
// From its first moment until its last a restore keeps `global/pg_control.holdfast` in the data
// directory and no `global/pg_control`: PostgreSQL does not start without that. The file names the
// tablespace directories that the restore fills, one a line: no others may be emptied when it is
// repeated, for the place asked for then may be that of the running source.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/file.h"
#include "catalog/cluster_facts.h"
#include "pg/lsn.h"

namespace holdfast::restore {

inline constexpr std::string_view kControlPath = "global/pg_control";
inline constexpr std::string_view kUnfinishedControlPath = "global/pg_control.holdfast";

enum class DestinationState {
  kFree,        // absent, or an empty directory
  kUnfinished,  // an interrupted restore: may be emptied and filled again
};

// Error(kConflict) when anything else is there: a running or stopped cluster, files, a mount point
// of something.
DestinationState CheckDataDirectory(const base::Path& directory);
// A tablespace's new location: absent or empty, or filled by the unfinished restore into
// `data_directory`; else Error(kConflict).
void CheckTablespaceDirectory(const base::Path& directory, const base::Path& data_directory);

// Where every tablespace outside the data directory goes: as asked by location, name or OID, else
// where it was. Error(kUsage) for a mapping that fits none, Error(kConflict) for two into one
// directory or one inside another.
std::map<pg::Oid, base::Path> MapTablespaces(
    const std::vector<catalog::TablespaceFacts>& tablespaces,
    const std::map<std::string, base::Path>& asked, const base::Path& data_directory);

// Space by directory. Error(kUnavailable) naming the file system that has too little; directories
// on one file system are added up.
void CheckSpace(const std::map<base::Path, std::uint64_t>& bytes_by_directory);

// Makes the directories; empties them first where a restore was interrupted; leaves the mark of the
// unfinished.
void PrepareDirectories(const base::Path& data_directory,
                        const std::map<pg::Oid, base::Path>& tablespaces);

}  // namespace holdfast::restore
