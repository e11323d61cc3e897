// Starting a program that outlives us.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"

namespace holdfast::cli {

// In a session of its own, without our standard files: whoever waits for the end of our output does
// not wait for it. Failing to start is not an error.
void StartDetached(const base::Path& program, const std::vector<std::string>& arguments);

}  // namespace holdfast::cli
