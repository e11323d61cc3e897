#include "pg/socket_wait.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace holdfast::pg {

namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How late a stop request may be noticed.
constexpr milliseconds kSlice{100};

milliseconds NextSlice(steady_clock::time_point deadline, const std::stop_token& stop) {
  const auto left = std::max(ceil<milliseconds>(deadline - steady_clock::now()), milliseconds(0));
  return std::min(left, stop.stop_possible() ? kSlice : milliseconds(60'000));
}

}  // namespace

bool WaitForSocket(const SocketWait& wait, const std::stop_token& stop) {
  if (wait.fd < 0) {
    throw base::Error(base::ErrorKind::kUnavailable, "the connection to the server is closed");
  }
  pollfd entry{};
  entry.fd = wait.fd;
  if (wait.for_reading) entry.events |= POLLIN;
  if (wait.for_writing) entry.events |= POLLOUT;
  while (true) {
    if (stop.stop_requested()) {
      throw base::Error(base::ErrorKind::kCancelled, "the wait for the server was interrupted");
    }
    const int count = ::poll(&entry, 1, static_cast<int>(NextSlice(wait.deadline, stop).count()));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) throw base::SystemError(errno, "cannot wait for the server");
    if (count == 0 && steady_clock::now() >= wait.deadline) return false;
  }
}

}  // namespace holdfast::pg
