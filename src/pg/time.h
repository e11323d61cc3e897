// PostgreSQL's two clocks as base::Time.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace holdfast::pg {

// Times that base::Time cannot hold (only damage or a foreign writer makes them) become its
// nearest.

// TimestampTz: microseconds since 2000-01-01 00:00:00 UTC.
inline base::Time FromTimestampTz(std::int64_t microseconds) {
  using namespace std::chrono;
  constexpr base::Time kEpoch = sys_days{year{2000} / January / 1};
  if (microseconds > (base::Time::max() - kEpoch).count()) return base::Time::max();
  return kEpoch + base::Duration(microseconds);
}

// pg_time_t: seconds since 1970.
inline base::Time FromUnixSeconds(std::int64_t seconds) {
  using std::chrono::floor;
  constexpr std::int64_t kLast =
      floor<std::chrono::seconds>(base::Time::max()).time_since_epoch().count();
  if (seconds > kLast) return base::Time::max();
  if (seconds < -kLast) return base::Time::min();
  return base::Time(std::chrono::seconds(seconds));
}

}  // namespace holdfast::pg
