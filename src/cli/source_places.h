// The repositories that hold a source: its own, then those of its copies, for what may go on with
// another where one is down or damaged.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/session.h"
#include "config/config.h"
#include "repo/repository.h"

namespace holdfast::cli {

// In the order in which they are to be tried. Only the one that --repository names, if it does.
std::vector<const config::Repository*> PlacesOf(Session& session, std::string_view source);

// As OpenRepository; what keeps this repository closed, a lost key too, says nothing about another:
// then base::MayLieElsewhere.
repo::Repository OpenPlace(Session& session, const config::Repository& place);

}  // namespace holdfast::cli
