// Waiting for a socket with a deadline, interruptible by a stop request.
#pragma once

#include <chrono>
#include <stop_token>

namespace holdfast::pg {

struct SocketWait {
  int fd = -1;
  bool for_reading = false;
  bool for_writing = false;
  std::chrono::steady_clock::time_point deadline;
};

// False when the deadline passed first. Throws Error(kCancelled) when `stop` was requested,
// Error(kUnavailable) when there is no socket to wait for.
[[nodiscard]] bool WaitForSocket(const SocketWait& wait, const std::stop_token& stop);

}  // namespace holdfast::pg
