// From arguments to an exit code.
#pragma once

#include "cli/invocation.h"

namespace holdfast::cli {

// Never throws. Errors go to `err`, as text or with --json as one JSON object; data that could not
// be written to `out` is an error too.
int Run(const Invocation& invocation);

}  // namespace holdfast::cli
