// Pages of a file that nothing has any more.
#pragma once

#include <cstdint>

namespace holdfast::restore {

// Numbered from the file's start.
struct LostPages {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

}  // namespace holdfast::restore
