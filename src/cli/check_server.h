// The part of `check` that needs the source's server and this host's directories.
#pragma once

#include <vector>

#include "cli/check_items.h"
#include "cli/session.h"

namespace holdfast::cli {

// Whatever goes wrong becomes an item.
std::vector<CheckItem> CheckCluster(Session& session, const config::Source& source);

// An item that failed with what an Error says; `otherwise` is the hint where it brings none.
CheckItem FailedWith(std::string name, const base::Error& error, const std::string& otherwise);

}  // namespace holdfast::cli
