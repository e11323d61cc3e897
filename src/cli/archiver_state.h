// How the server's own archiver does: what it says itself, and what has come of it.
#pragma once

#include <cstdint>
#include <optional>

#include "cli/protection.h"
#include "cli/server_position.h"
#include "cli/session.h"
#include "config/config.h"
#include "pg/lsn.h"
#include "wal/archive.h"

namespace holdfast::cli {

// Whether the server's archiver is to bring the source's WAL.
bool IsPushed(const config::Source& source);

// How far the repository has the server's WAL.
struct StoredWal {
  pg::Lsn end;  // everything before it, from some backup on
  std::uint32_t segment_size = 0;
};

// `server` was asked before the archive was looked at. Without `stored` nothing is known to wait.
ArchiverFacts LookAtArchiver(Session& session, const config::Source& source,
                             const ServerPosition& server, wal::Archive& archive,
                             const std::optional<StoredWal>& stored);

}  // namespace holdfast::cli
