#include "base/workers.h"

#include <utility>

#include "base/error.h"

namespace holdfast::base {

Workers::Workers(std::stop_token parent) {
  parent_.emplace(std::move(parent), [this] { stop_.request_stop(); });
}

Workers::~Workers() {
  stop_.request_stop();
  // Whoever started them failed before Join: they may wait on a queue that only this closes.
  if (!threads_.empty() && on_failure_) on_failure_();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Workers::Start(std::function<void(std::stop_token)> work) {
  threads_.emplace_back([this, work = std::move(work)] {
    try {
      work(stop_.get_token());
    } catch (...) {
      Fail(std::current_exception());
    }
  });
}

void Workers::Fail(std::exception_ptr error) {
  {
    const std::scoped_lock lock(mutex_);
    if (first_error_) return;
    first_error_ = std::move(error);
  }
  stop_.request_stop();
  if (on_failure_) on_failure_();
}

void Workers::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  if (first_error_) std::rethrow_exception(std::exchange(first_error_, nullptr));
}

void ThrowIfStopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(ErrorKind::kCancelled, "interrupted");
}

}  // namespace holdfast::base
