// What libpq is given to connect with: the conninfo's own settings and ours around them.
#pragma once

#include <map>
#include <string>

#include "pg/connection.h"

namespace holdfast::pg {

// libpq keywords to values. What the conninfo sets itself is kept, but for what a caller must be
// able to rely on (database, replication, encoding). Throws Error(kUsage), without a word of the
// conninfo, when libpq cannot read it.
std::map<std::string, std::string> ConnectKeywords(const ConnectOptions& options);

}  // namespace holdfast::pg
