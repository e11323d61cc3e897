// The part of `check` that needs the repository.
#pragma once

#include <vector>

#include "cli/check_items.h"
#include "cli/session.h"
#include "config/config.h"

namespace holdfast::cli {

// Whatever goes wrong becomes an item. Writing is tried with a lease that pins nothing, which no
// reader or prune minds.
std::vector<CheckItem> CheckRepository(Session& session, const config::Repository& repository);

}  // namespace holdfast::cli
