// Time as a parameter: everything that looks at a clock or waits takes a Clock&, so that tests
// never sleep.
#pragma once

#include <chrono>
#include <stop_token>

namespace holdfast::base {

// UTC, microseconds: the resolution of PostgreSQL's timestamps.
using Time = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
  // Never goes backwards; for durations and deadlines.
  virtual std::chrono::steady_clock::time_point Steady() const = 0;
  // Returns false when `stop` was requested before the time was over.
  virtual bool Sleep(Duration duration, const std::stop_token& stop) = 0;
};

class SystemClock final : public Clock {
 public:
  Time Now() const override;
  std::chrono::steady_clock::time_point Steady() const override;
  bool Sleep(Duration duration, const std::stop_token& stop) override;
};

}  // namespace holdfast::base
