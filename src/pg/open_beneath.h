// Opening what lies below a data directory without being led out of it by a symbolic link.
#pragma once

#include <optional>
#include <string_view>

#include "base/file.h"

namespace holdfast::pg {

// A regular file for reading. `path` is relative to `root`, a folder. No link is followed but
// pg_tblspc/OID. Empty when the file certainly does not exist; Error(kConflict) for anything but a
// regular file, Error(kUnavailable) when a tablespace's link leads nowhere.
std::optional<base::File> OpenBeneath(const base::File& root, std::string_view path);

// One step. Flags as openat(2); O_CLOEXEC is added. Empty on ENOENT.
std::optional<base::File> OpenChild(const base::File& folder, std::string_view name, int flags);

// A folder of pg_tblspc, through its link. Empty when the link is gone; Error(kUnavailable) when
// it leads nowhere.
std::optional<base::File> OpenTablespace(const base::File& pg_tblspc, std::string_view oid);

}  // namespace holdfast::pg
