// A set of block numbers that stays small whatever the blocks are: many thousands of segments'
// worth can be united in memory (compressed bitmaps; https://roaringbitmap.org).
#pragma once

#include <cstdint>
#include <functional>
#include <roaring/roaring.hh>

#include "pg/lsn.h"

namespace holdfast::pg {

// Not thread-safe while it is changed.
class BlockSet {
 public:
  void Add(BlockNumber block) { blocks_.add(block); }
  // [first, first + count); nothing when `count` is 0.
  void AddRun(BlockNumber first, std::uint64_t count);
  void Unite(const BlockSet& other) { blocks_ |= other.blocks_; }

  bool Contains(BlockNumber block) const { return blocks_.contains(block); }
  bool empty() const { return blocks_.isEmpty(); }
  std::uint64_t size() const { return blocks_.cardinality(); }
  // How many lie in [begin, end).
  std::uint64_t CountIn(std::uint64_t begin, std::uint64_t end) const;
  // Stretches of neighbours, ascending, cut at `begin` and `end` (exclusive).
  void ForEachRun(std::uint64_t begin, std::uint64_t end,
                  const std::function<void(BlockNumber first, std::uint64_t count)>& visit) const;

  friend bool operator==(const BlockSet& a, const BlockSet& b) { return a.blocks_ == b.blocks_; }

 private:
  Roaring blocks_;
};

}  // namespace holdfast::pg
