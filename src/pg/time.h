// PostgreSQL's two clocks as base::Time.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace holdfast::pg {

// TimestampTz: microseconds since 2000-01-01 00:00:00 UTC.
inline base::Time FromTimestampTz(std::int64_t microseconds) {
  using namespace std::chrono;
  constexpr base::Time kEpoch = sys_days{year{2000} / January / 1};
  return kEpoch + base::Duration(microseconds);
}

// pg_time_t: seconds since 1970.
inline base::Time FromUnixSeconds(std::int64_t seconds) {
  return base::Time(std::chrono::seconds(seconds));
}

}  // namespace holdfast::pg
