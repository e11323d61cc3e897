// The tablespaces of a cluster as its catalog has them.
#pragma once

#include <vector>

#include "pg/backup_session.h"

namespace holdfast::pg {

// Ascending by oid, without pg_default and pg_global.
std::vector<Tablespace> ReadTablespaces(Connection& connection);

}  // namespace holdfast::pg
