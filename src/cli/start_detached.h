// Starting a program that outlives us.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"

namespace holdfast::cli {

// In a session of its own, without our standard files: whoever waits for the end of our output does
// not wait for it, and nobody sees its messages. Whoever process 1 is reaps it, which may be
// PostgreSQL's postmaster: it must end with 0 whatever happens (kDetachedFailed). Failing to start
// is not an error.
void StartDetached(const base::Path& program, const std::vector<std::string>& arguments);

}  // namespace holdfast::cli
