// Where a source's server stands, asked without waiting long.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "pg/connection.h"
#include "pg/lsn.h"

namespace holdfast::cli {

struct ServerPosition {
  pg::SystemIdentifier system;
  pg::TimelineId timeline;
  pg::Lsn flushed;  // on a standby: received
  base::Time now;   // the server's clock
  bool slot_lost = false;
  bool receiver_connected = false;  // a receiver with this slot, of whatever host
};

// Throws what pg::Connection throws.
ServerPosition ReadServerPosition(pg::ConnectOptions connect, std::string_view slot_name);

}  // namespace holdfast::cli
