// A bound on bytes a second that many threads share.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "base/clock.h"
#include "base/synchronized.h"

namespace holdfast::base {

// A token bucket that may be overdrawn: whoever takes bytes waits until all that was taken before
// and by itself is paid for. So a piece larger than the bucket passes too, and no thread starves.
// After a pause at most a quarter of a second's bytes pass at once. Thread-safe.
class RateLimit {
 public:
  // `clock` must outlive the limit. `bytes_per_second` is at least 1.
  RateLimit(std::uint64_t bytes_per_second, Clock& clock);

  // Returns how long it waited. A requested stop ends the wait, not the debt.
  Duration Take(std::uint64_t bytes, const std::stop_token& stop = {});

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  std::uint64_t bytes_per_second_;
  Clock& clock_;
  // The moment when everything taken so far will have been paid for.
  Synchronized<SteadyTime> paid_at_;
};

}  // namespace holdfast::base
