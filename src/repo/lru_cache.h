// A cache of immutable values, bounded in bytes.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace holdfast::repo {

// Thread-safe. What was used longest ago goes first; one value is kept however large it is.
template <typename Key, typename Value>
class LruCache {
 public:
  explicit LruCache(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // Null when it is not there.
  std::shared_ptr<Value> Get(const Key& key) {
    const std::scoped_lock lock(mutex_);
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    items_.splice(items_.begin(), items_, it->second);
    return it->second->value;
  }

  // The first value put for a key stays.
  void Put(const Key& key, std::shared_ptr<Value> value, std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    if (index_.contains(key)) return;
    items_.push_front({key, std::move(value), bytes});
    index_[key] = items_.begin();
    bytes_ += bytes;
    while (bytes_ > max_bytes_ && items_.size() > 1) {
      bytes_ -= items_.back().bytes;
      index_.erase(items_.back().key);
      items_.pop_back();
    }
  }

  std::uint64_t bytes() const {
    const std::scoped_lock lock(mutex_);
    return bytes_;
  }

 private:
  struct Item {
    Key key;
    std::shared_ptr<Value> value;
    std::uint64_t bytes;
  };

  const std::uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Item> items_;  // the most recently used first
  std::map<Key, typename std::list<Item>::iterator> index_;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::repo
