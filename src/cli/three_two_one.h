// Three copies of the data, on two media, one of them elsewhere: a pure decision.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace holdfast::cli {

// Something that holds the source's data now: the server itself, a repository with a backup.
struct HeldPlace {
  std::string name;
  std::string medium;      // equal ones are lost together
  bool elsewhere = false;  // reached over a network, on another machine
};

struct ThreeTwoOne {
  std::size_t copies = 0;
  std::size_t media = 0;
  bool elsewhere = false;
  bool holds() const { return copies >= 3 && media >= 2 && elsewhere; }
};

ThreeTwoOne CountCopies(const std::vector<HeldPlace>& places);
// "3-2-1 holds", or what it lacks: "3-2-1 does not hold: 2 copies instead of 3, ...".
std::string ToText(const ThreeTwoOne& count);

}  // namespace holdfast::cli
