// SIGINT and SIGTERM as a stop request.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace holdfast::app {

struct SignalOptions {
  // Exit code of the signal that ends the program at once.
  int exit_code = 7;
  // The first one already does: for work that is over soon and can be cut anywhere.
  bool at_once = false;
};

// Takes the signals on a thread of its own, so that no system call of the others is interrupted and
// nothing has to be safe in a signal handler. Must be made before any other thread: they inherit
// its signal mask. SIGPIPE is ignored: a write says what happened.
class Signals {
 public:
  explicit Signals(SignalOptions options);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  std::stop_token stop_token() const { return stop_.get_token(); }

 private:
  void Wait(const SignalOptions& options);

  std::stop_source stop_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace holdfast::app
