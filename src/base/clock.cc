#include "base/clock.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace holdfast::base {

Time SystemClock::Now() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::chrono::steady_clock::time_point SystemClock::Steady() const {
  return std::chrono::steady_clock::now();
}

bool SystemClock::Sleep(Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  // wait_for would overflow on a duration that means "for ever".
  const Duration bounded = std::min<Duration>(duration, std::chrono::hours(24 * 365 * 100));
  return !wake.wait_for(lock, stop, bounded, [&] { return stop.stop_requested(); });
}

}  // namespace holdfast::base
