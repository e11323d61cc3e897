// Random bytes that can be drawn again: names of leases, lists and packs decide in which order
// things are looked at.
#pragma once

#include <cstdint>

namespace holdfast::upkeep {

// While one is there, what the process asks the kernel for comes from the seed. One at a time; who
// draws at once with others does not draw the same again.
class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t seed);
  ~SeededRandom();
  SeededRandom(const SeededRandom&) = delete;
  SeededRandom& operator=(const SeededRandom&) = delete;
};

}  // namespace holdfast::upkeep
