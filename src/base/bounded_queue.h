// A queue between two stages of a pipeline, bounded in bytes, so that a pipeline's memory is the
// sum of its bounds.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace holdfast::base {

// Any number of producers and consumers. One item is always admitted into an empty queue, however
// large, so that an item over the bound cannot deadlock.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // Waits for room. Returns false, and drops the item, once the queue is closed.
  [[nodiscard]] bool Push(T item, std::uint64_t bytes) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || items_.empty() || bytes_ + bytes <= max_bytes_; });
    if (closed_) return false;
    items_.emplace_back(std::move(item), bytes);
    bytes_ += bytes;
    filled_.notify_one();
    return true;
  }

  // Waits for an item. Empty once the queue is closed and drained (Close) or at once (Abort):
  // before taking that for a complete stream, a consumer that publishes something asks aborted().
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    auto [item, bytes] = std::move(items_.front());
    items_.pop_front();
    bytes_ -= bytes;
    room_.notify_all();
    return std::optional<T>(std::move(item));
  }

  // No more pushes; what is queued is still handed out.
  void Close() { Shut(false); }
  // No more pushes, and what is queued is dropped: the pipeline failed.
  void Abort() { Shut(true); }
  bool aborted() const {
    const std::scoped_lock lock(mutex_);
    return aborted_;
  }

 private:
  void Shut(bool drop) {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    if (drop) {
      items_.clear();
      bytes_ = 0;
      aborted_ = true;
    }
    room_.notify_all();
    filled_.notify_all();
  }

  const std::uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable filled_;
  std::deque<std::pair<T, std::uint64_t>> items_;
  std::uint64_t bytes_ = 0;
  bool closed_ = false;
  bool aborted_ = false;
};

}  // namespace holdfast::base
