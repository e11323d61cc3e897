// A backup's own WAL: makes sure that every segment from its start to its stop is in the
// repository.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/reporter.h"
#include "pg/cluster_reader.h"
#include "wal/archive.h"

namespace holdfast::wal {

struct CaptureOptions {
  pg::SystemIdentifier system;
  pg::TimelineId timeline;
  pg::Lsn start;
  pg::Lsn stop;
  std::uint32_t segment_size = 0;
  // A receiver or archiver that is at work gets this long to deliver before segments are read from
  // the server.
  std::chrono::seconds patience{0};
};

struct Captured {
  std::vector<std::string> by_others;  // were there, or arrived
  std::vector<std::string> by_us;      // read from pg_wal
};

// Error(kUnavailable) naming the segments that neither arrived nor are on the server any more.
Captured CaptureWal(Archive& archive, pg::WalDirectory& wal_directory,
                    const CaptureOptions& options, base::Clock& clock, const std::stop_token& stop);

}  // namespace holdfast::wal
