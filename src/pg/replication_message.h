// The messages inside a replication stream, both directions.
//
// Source: PostgreSQL's documentation, "Streaming Replication Protocol".
#pragma once

#include <cstdint>
#include <variant>

#include "base/bytes.h"
#include "base/clock.h"
#include "pg/lsn.h"
#include "pg/replication.h"

namespace holdfast::pg {

// Throws Error(kCorrupt) on any message that a physical stream does not have.
std::variant<WalData, KeepAliveMessage> ParseStreamMessage(base::ByteView message);

struct StatusUpdate {
  Lsn written;
  Lsn flushed;
  base::Time now;
  bool request_reply = false;
};
// A standby status update; the applied position is reported as invalid.
base::Bytes FormatStatusUpdate(const StatusUpdate& update);

}  // namespace holdfast::pg
