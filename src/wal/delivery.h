// Whether somebody else, a receiver or the server's archive_command, brings a backup's WAL into the
// archive, and so how long to wait before it is read from the server a second time. No I/O.
#pragma once

#include <chrono>
#include <optional>

namespace holdfast::wal {

// Not thread-safe.
class Delivery {
 public:
  enum class By { kUnknown, kOthers, kNobody };

  Delivery(By by, std::chrono::seconds patience) : by_(by), patience_(patience) {}

  By by() const { return by_; }
  void Decide(By by) { by_ = by; }
  // Others brought the segment that was due.
  void Arrived() {
    by_ = By::kOthers;
    waiting_since_.reset();
  }
  // The segment that is due is missing: whether to wait for it. Once that was in vain nobody is
  // waited for any more, until something arrives.
  bool MayStillCome(std::chrono::steady_clock::time_point now) {
    if (by_ == By::kNobody) return false;
    if (!waiting_since_) waiting_since_ = now;
    if (now - *waiting_since_ < patience_) return true;
    by_ = By::kNobody;
    waiting_since_.reset();
    return false;
  }

 private:
  By by_;
  std::chrono::seconds patience_;
  std::optional<std::chrono::steady_clock::time_point> waiting_since_;
};

}  // namespace holdfast::wal
