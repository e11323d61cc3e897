// WAL through a plain connection, for servers whose pg_hba.conf refuses replication: the new bytes
// of the segments in pg_wal, read up to the server's flush position.
//
// Position and bytes come over one connection, so both are of the same server. Needs EXECUTE on
// pg_read_binary_file(text, bigint, bigint, boolean).
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.h"
#include "pg/connection.h"
#include "wal/wal_server.h"

namespace holdfast::wal {

std::unique_ptr<WalSource> OpenSqlSource(const pg::ConnectOptions& connect,
                                         std::chrono::milliseconds poll_interval,
                                         base::Clock& clock);

}  // namespace holdfast::wal
