#include "cli/state_publisher.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace holdfast::cli {

StatePublisher::StatePublisher(Write write, base::Reporter& report, std::chrono::milliseconds pause)
    : write_(std::move(write)), report_(report), pause_(pause) {
  // What an earlier receiver left says nothing of this one.
  WriteOrWarn(wal::StreamState());
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

StatePublisher::~StatePublisher() {
  thread_.request_stop();
  thread_.join();
}

void StatePublisher::Show(const wal::StreamState& state) {
  {
    const std::scoped_lock lock(mutex_);
    newest_ = state;
    fresh_ = true;
  }
  changed_.notify_one();
}

void StatePublisher::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  std::string problem;
  while (true) {
    changed_.wait(lock, stop, [&] { return fresh_; });
    if (!fresh_) return;
    fresh_ = false;
    const wal::StreamState state = newest_;
    problem = state.problem;
    lock.unlock();
    WriteOrWarn(state);
    lock.lock();
    changed_.wait_for(lock, stop, pause_, [&] { return newest_.problem != problem; });
  }
}

void StatePublisher::WriteOrWarn(const wal::StreamState& state) {
  try {
    write_(state);
  } catch (...) {
    if (std::exchange(warned_, true)) return;
    const base::Error error = base::ToError(std::current_exception());
    report_.Warn(fmt::format("the receiver's state cannot be written: {}", error.message()));
  }
}

}  // namespace holdfast::cli
