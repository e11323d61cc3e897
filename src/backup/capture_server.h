// The server that a backup runs on, as the capture of its WAL sees it.
#pragma once

#include <memory>

#include "backup/backup.h"
#include "pg/backup_session.h"
#include "pg/wal_hold.h"
#include "wal/capture.h"

namespace holdfast::backup {

// Reads pg_wal as the backup reads the cluster: from the data directory or through a connection.
// `hold` was opened before the session was started, which must outlive the result; whoever uses the
// result touches nothing of the session that changes. Error(kConflict) when the two are not on one
// server.
std::unique_ptr<wal::CaptureServer> OpenCaptureServer(const BackupOptions& options,
                                                      const pg::BackupSession& session,
                                                      pg::WalHold hold);

}  // namespace holdfast::backup
