#include "app/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>

namespace holdfast::app {
namespace {

// Makes the waiting thread look whether the program is at its end.
constexpr int kOver = SIGUSR2;

sigset_t Awaited() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, kOver}) sigaddset(&set, number);
  return set;
}

}  // namespace

Signals::Signals(SignalOptions options) {
  const sigset_t set = Awaited();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  (void)signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this, options] { Wait(options); });
}

Signals::~Signals() {
  over_ = true;
  pthread_kill(thread_.native_handle(), kOver);
  thread_.join();
}

void Signals::Wait(const SignalOptions& options) {
  const sigset_t set = Awaited();
  for (;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (number == kOver) {
      if (over_) return;
      continue;
    }
    if (options.at_once || !stop_.request_stop()) _exit(options.exit_code);
  }
}

}  // namespace holdfast::app
