// Repeats what a store over a network refused for the moment.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace holdfast::storage {

struct RetryOptions {
  base::Duration first_delay = std::chrono::milliseconds(200);
  base::Duration longest_delay = std::chrono::seconds(30);
  // From the start of a request; no attempt starts later.
  base::Duration deadline = std::chrono::minutes(10);
  // The same while nothing has ever been answered: a wrong address shows soon.
  base::Duration first_deadline = std::chrono::seconds(20);
  // Told of each failure that is going to be repeated, from any thread, and how long the request
  // lasts already.
  std::function<void(const base::Error&, base::Duration)> on_failure{};
};

// Repeats on Error(kUnavailable) only, with delays that double and are cut by a random part up to a
// half; afterwards the last error is thrown. Thread-safe.
class Retrier {
 public:
  // `clock` must outlive the retrier. A stop ends a wait with Error(kCancelled).
  explicit Retrier(base::Clock& clock, RetryOptions options = {}, std::stop_token stop = {});

  // Calls `request()` until it does not throw kUnavailable. It may have been carried out by an
  // attempt that failed: its repetition must do no harm.
  template <std::invocable Request>
  auto Run(Request&& request) {
    Attempts attempts(*this);
    while (true) {
      try {
        auto result = request();
        answered_ = true;
        return result;
      } catch (const base::Error& error) {
        attempts.WaitAfter(error);
      }
    }
  }

 private:
  // Of one request.
  class Attempts {
   public:
    explicit Attempts(Retrier& retrier);
    // Returns when it is time to try again; throws `error` when that makes no sense any more.
    void WaitAfter(base::Error error);

   private:
    Retrier& retrier_;
    std::chrono::steady_clock::time_point started_;
    base::Duration delay_;
    int failures_ = 0;
  };

  base::Clock& clock_;
  RetryOptions options_;
  std::stop_token stop_;
  std::atomic<bool> answered_ = false;
};

}  // namespace holdfast::storage
