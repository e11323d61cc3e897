// Data that cannot be touched without its lock.
#pragma once

#include <mutex>
#include <utility>

namespace holdfast::base {

template <typename T>
class Synchronized {
 public:
  Synchronized() = default;
  explicit Synchronized(T value) : value_(std::move(value)) {}

  // Calls `use(T&)` under the lock and returns what it returns. Do not let the reference escape.
  template <typename Use>
  decltype(auto) With(Use&& use) {
    const std::scoped_lock lock(mutex_);
    return std::forward<Use>(use)(value_);
  }
  template <typename Use>
  decltype(auto) With(Use&& use) const {
    const std::scoped_lock lock(mutex_);
    return std::forward<Use>(use)(value_);
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

}  // namespace holdfast::base
