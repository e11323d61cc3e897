// A group of threads that lives and dies together.
#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace holdfast::base {

// The first worker to throw stops the others (their stop_token); Join() waits for all and rethrows
// that first error. Workers that ended early because a stop was requested are no error to Join():
// what publishes their work calls ThrowIfStopped first. The destructor stops and joins without
// throwing. Not itself thread-safe.
class Workers {
 public:
  Workers() = default;
  // The group also stops when `parent` is asked to.
  explicit Workers(std::stop_token parent);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();

  void Start(std::function<void(std::stop_token)> work);
  // Runs `on_failure` once, from the failing thread, to abort the queues that others wait on; their
  // stop_token already says stop, so none takes the end of its queue for the end of the work. It
  // must not throw. Set before Start.
  void OnFailure(std::function<void()> on_failure) { on_failure_ = std::move(on_failure); }
  void RequestStop() { stop_.request_stop(); }
  std::stop_token stop_token() const { return stop_.get_token(); }
  void Join();

 private:
  void Fail(std::exception_ptr error);

  std::stop_source stop_;
  std::function<void()> on_failure_;
  std::mutex mutex_;
  std::exception_ptr first_error_;
  std::vector<std::thread> threads_;
  std::optional<std::stop_callback<std::function<void()>>> parent_;
};

// Throws Error(kCancelled) when a stop was requested.
void ThrowIfStopped(const std::stop_token& stop);

}  // namespace holdfast::base
