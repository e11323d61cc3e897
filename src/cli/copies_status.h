// How the copies of a source stand, and where its data is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/protection.h"
#include "cli/session.h"
#include "cli/three_two_one.h"

namespace holdfast::cli {

// Of every copy that the source is to have. What cannot be read is told in its `problem`.
std::vector<CopyFacts> GatherCopies(Session& session, const config::Source& source);

// The server, the source's own repository if it holds a backup, and each copy that does.
std::vector<HeldPlace> PlacesThatHold(Session& session, const config::Source& source,
                                      bool own_holds, const std::vector<CopyFacts>& copies);

}  // namespace holdfast::cli
