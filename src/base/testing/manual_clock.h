// A clock that moves only when told to; a Sleep moves it.
#pragma once

#include <mutex>

#include "base/clock.h"

namespace holdfast::base {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start = Time(std::chrono::seconds(1'800'000'000))) : now_(start) {}

  Time Now() const override {
    const std::scoped_lock lock(mutex_);
    return now_;
  }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(Now().time_since_epoch());
  }
  bool Sleep(Duration duration, const std::stop_token& stop) override {
    Advance(duration);
    return !stop.stop_requested();
  }
  void Advance(Duration duration) {
    const std::scoped_lock lock(mutex_);
    now_ += duration;
  }

 private:
  mutable std::mutex mutex_;
  Time now_;
};

}  // namespace holdfast::base
