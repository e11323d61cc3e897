// `check --grants`: the statements that give a role what it needs.
#pragma once

#include <string>

#include "cli/session.h"

namespace holdfast::cli {

// Of the connection's user when `role` is empty.
int PrintGrants(Session& session, const std::string& source, const std::string& role);

}  // namespace holdfast::cli
