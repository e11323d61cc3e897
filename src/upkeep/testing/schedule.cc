#include "upkeep/testing/schedule.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"

namespace holdfast::upkeep {

void Schedule::Add(base::Duration begins_after, std::function<void(Actor)> work) {
  State& state = actors_.emplace_back();
  state.wakes = now_ + begins_after;
  state.work = std::move(work);
}

void Schedule::Run() {
  if (actors_.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    PassOn();
  }
  std::vector<std::thread> threads;
  for (Actor actor = 0; actor < actors_.size(); ++actor) {
    threads.emplace_back([this, actor] { Perform(actor); });
  }
  for (std::thread& thread : threads) thread.join();
  if (error_) std::rethrow_exception(error_);
}

void Schedule::Perform(Actor actor) {
  State& state = actors_[actor];
  {
    std::unique_lock lock(mutex_);
    state.turn.wait(lock, [&] { return running_ == actor; });
  }
  std::exception_ptr error;
  try {
    state.work(actor);
  } catch (...) {
    error = std::current_exception();
  }
  const std::scoped_lock lock(mutex_);
  if (error && !error_) error_ = error;
  state.done = true;
  PassOn();
}

void Schedule::Wait(Actor actor, base::Duration duration) {
  std::unique_lock lock(mutex_);
  State& state = actors_[actor];
  state.wakes = now_ + duration;
  PassOn();
  state.turn.wait(lock, [&] { return running_ == actor; });
}

void Schedule::Hurry(Actor actor, base::Duration duration) {
  const std::scoped_lock lock(mutex_);
  actors_[actor].wakes = std::min(actors_[actor].wakes, now_ + duration);
}

bool Schedule::Sleep(base::Duration, const std::stop_token&) {
  throw base::Error(base::ErrorKind::kInternal, "an actor waits by its own clock");
}

void Schedule::PassOn() {
  const auto order = [](const State& a, const State& b) {
    return std::pair(a.done, a.wakes) < std::pair(b.done, b.wakes);
  };
  const auto next = std::ranges::min_element(actors_, order);
  if (next->done) return;
  now_ = std::max(now_, next->wakes);
  running_ = static_cast<Actor>(next - actors_.begin());
  next->turn.notify_all();
}

}  // namespace holdfast::upkeep
