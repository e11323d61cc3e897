// How a repository's store behaves, for `init` and `check`.
#pragma once

#include <vector>

#include "cli/check_items.h"
#include "cli/session.h"
#include "config/config.h"
#include "storage/store_finding.h"

namespace holdfast::cli {

// Tries a store of the network out, which writes and removes tiny objects there; nothing for a
// directory, of which the contract is known. Throws when nothing can be put there at all.
std::vector<storage::StoreFinding> ProbeStore(Session& session,
                                              const config::Repository& repository);

CheckItem ToCheckItem(const storage::StoreFinding& finding);

// Error(kConflict) with the first thing that makes the store unfit, if there is one.
void RefuseUnfit(const config::Repository& repository,
                 const std::vector<storage::StoreFinding>& findings);

}  // namespace holdfast::cli
