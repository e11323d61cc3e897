// How many objects, and how large.
#pragma once

#include <cstdint>

namespace holdfast::upkeep {

struct Amount {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  void Add(std::uint64_t size) {
    ++objects;
    bytes += size;
  }
  friend bool operator==(const Amount&, const Amount&) = default;
};

}  // namespace holdfast::upkeep
