// What a place lies in. A file inside a cluster's directories gets into that cluster's next backup,
// and one inside a repository is in the way of what the repository deletes.
#pragma once

#include <map>
#include <vector>

#include "base/file.h"
#include "pg/lsn.h"

namespace holdfast::restore {

// Links followed, also where the end of `inner` does not exist. A directory is within itself.
bool IsWithin(const base::Path& inner, const base::Path& outer);

// Error(kConflict) when `place` lies inside a PostgreSQL data directory, also that of a stopped
// server or of an unfinished restore, or inside what a server has in a tablespace; as it is written
// or with links followed. What `place` itself is does not matter.
void RequireOutsideClusters(const base::Path& place);

// Error(kConflict) when one of the places is or lies in one of `kept`.
void RequireOutside(const base::Path& to, const std::map<pg::Oid, base::Path>& tablespaces,
                    const std::vector<base::Path>& kept);

}  // namespace holdfast::restore
