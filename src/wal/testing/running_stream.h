// A receiver in a thread of its own.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "wal/wal_server.h"

namespace holdfast::wal {

class RunningStream {
 public:
  RunningStream(WalServer& server, Archive& archive, StreamOptions options)
      : thread_([this, &server, &archive, options = std::move(options)](
                    const std::stop_token& stop) { Run(server, archive, options, stop); }) {}

  // False when that did not come to pass, or the stream ended first.
  template <typename Condition>
  bool Await(Condition&& condition) {
    std::unique_lock lock(mutex_);
    (void)changed_.wait_for(lock, std::chrono::seconds(30),
                            [&] { return ended_ || condition(state_); });
    return condition(state_);
  }
  bool AwaitStored(pg::Lsn lsn) {
    return Await([&](const StreamState& state) { return state.stored && *state.stored >= lsn; });
  }
  bool AwaitProblem(std::string_view part) {
    return Await(
        [&](const StreamState& state) { return state.problem.find(part) != std::string::npos; });
  }
  bool AwaitEnd() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return ended_; });
  }
  StreamState state() {
    const std::scoped_lock lock(mutex_);
    return state_;
  }
  // What ended it, if it did not end as it should.
  std::optional<base::Error> Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return error_;
  }

 private:
  void Run(WalServer& server, Archive& archive, const StreamOptions& options,
           const std::stop_token& stop) {
    std::optional<base::Error> error;
    try {
      StreamFrom(
          server, archive, options, clock_, report_,
          [this](const StreamState& state) { Observe(state); }, stop);
    } catch (const base::Error& failure) {
      error = failure;
    }
    const std::scoped_lock lock(mutex_);
    if (error) state_.problem += " (ended: " + error->message() + ")";
    error_ = std::move(error);
    ended_ = true;
    changed_.notify_all();
  }
  void Observe(const StreamState& state) {
    const std::scoped_lock lock(mutex_);
    state_ = state;
    changed_.notify_all();
  }

  base::SystemClock clock_;
  base::NullReporter report_;
  std::mutex mutex_;
  std::condition_variable changed_;
  StreamState state_;
  bool ended_ = false;
  std::optional<base::Error> error_;
  std::jthread thread_;
};

}  // namespace holdfast::wal
