// Tells where a receiver stands, beside its work.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/reporter.h"
#include "wal/stream.h"

namespace holdfast::cli {

// Hands states to `write` in a thread of its own, so that receiving never waits for it: first that
// nothing is known yet, then the newest of those shown, `pause` apart unless the problem changed,
// and at its end the last one. A write that fails is told once: receiving goes on, as a full disk
// must not cost WAL as well.
class StatePublisher {
 public:
  using Write = std::function<void(const wal::StreamState&)>;

  StatePublisher(Write write, base::Reporter& report,
                 std::chrono::milliseconds pause = std::chrono::seconds(1));
  ~StatePublisher();

  void Show(const wal::StreamState& state);

 private:
  void Run(const std::stop_token& stop);
  void WriteOrWarn(const wal::StreamState& state);

  const Write write_;
  base::Reporter& report_;
  const std::chrono::milliseconds pause_;
  bool warned_ = false;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  wal::StreamState newest_;  // under mutex_, as the next
  bool fresh_ = false;
  std::jthread thread_;
};

}  // namespace holdfast::cli
