// What `wal push` has stored goes to the source's copies at once, without the server waiting for
// it.
#pragma once

#include <string>

#include "cli/log_forward.h"
#include "cli/session.h"

namespace holdfast::cli {

// Puts the file into the queue of each copy, and starts the forwarding in a process of its own, or
// lets the one that runs know that there is more. Nothing happens where the source has no copies,
// where a receiver does it (wal = "stream" or "both"), or where another repository was asked for.
// Never fails: archiving must not depend on it, and `status` tells what a copy lacks.
void StartForwarding(Session& session, const std::string& source, const PushedFile& file);

}  // namespace holdfast::cli
