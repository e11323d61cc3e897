// Where a source's server stands, asked without waiting long.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "pg/connection.h"
#include "pg/lsn.h"
#include "pg/wal_segment.h"

namespace holdfast::cli {

struct ServerPosition {
  pg::SystemIdentifier system;
  pg::TimelineId timeline;
  pg::Lsn flushed;  // on a standby: received
  base::Time now;   // the server's clock
  bool slot_lost = false;
  bool receiver_connected = false;  // a receiver with this slot, of whatever host
  bool in_recovery = false;
  bool archives = false;           // by archive_mode, which of a standby must be "always"
  std::string archiving_failed{};  // the file of the archiver's last attempt, if that failed
};

// Throws what pg::Connection throws.
ServerPosition ReadServerPosition(pg::ConnectOptions connect, std::string_view slot_name);

// When a segment, of whatever timeline, was last written to in the server's pg_wal; empty when it
// is not there any more. Error(kDenied) to a role without the rights.
std::optional<base::Time> SegmentWritten(pg::ConnectOptions connect, pg::SegmentNumber segment,
                                         pg::SegmentSize size);

}  // namespace holdfast::cli
