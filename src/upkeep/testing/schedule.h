// Actors that take turns on a clock of their own: one runs at a time, and time passes only while an
// actor waits. What they do is a function of what they draw.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"

namespace holdfast::upkeep {

class Schedule final : public base::Clock {
 public:
  using Actor = std::size_t;

  explicit Schedule(base::Time start) : now_(start) {}

  // Before Run(). It may start threads of its own, of which one at a time waits or reads the clock.
  void Add(base::Duration begins_after, std::function<void(Actor)> work);
  // Until all are done; throws what the first of them threw.
  void Run();
  // By the actor that runs: others run until then.
  void Wait(Actor actor, base::Duration duration);
  // By the actor that runs: another's wait is over after this, at the latest.
  void Hurry(Actor actor, base::Duration duration);

  // True time. By the actor that runs.
  base::Time Now() const override { return now_; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(now_.time_since_epoch());
  }
  bool Sleep(base::Duration duration, const std::stop_token& stop) override;

 private:
  struct State {
    base::Time wakes;
    std::function<void(Actor)> work;
    bool done = false;
    std::condition_variable turn = {};
  };

  void Perform(Actor actor);
  // Gives the turn to the one that wakes first.
  void PassOn();

  std::mutex mutex_;
  base::Time now_;
  std::deque<State> actors_;
  Actor running_ = 0;
  std::exception_ptr error_;
};

}  // namespace holdfast::upkeep
