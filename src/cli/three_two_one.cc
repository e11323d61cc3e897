#include "cli/three_two_one.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/counted.h"

namespace holdfast::cli {

ThreeTwoOne CountCopies(const std::vector<HeldPlace>& places) {
  std::set<std::string> media;
  for (const HeldPlace& place : places) media.insert(place.medium);
  return {.copies = places.size(),
          .media = media.size(),
          .elsewhere = std::ranges::any_of(places, &HeldPlace::elsewhere)};
}

std::string ToText(const ThreeTwoOne& count) {
  if (count.holds()) return "3-2-1 holds";
  std::vector<std::string> lacks;
  if (count.copies < 3)
    lacks.push_back(base::Counted(count.copies, "copy", "copies") + " instead of 3");
  if (count.media < 2) lacks.push_back(fmt::format("{} medium instead of 2", count.media));
  if (!count.elsewhere) lacks.emplace_back("none is known to be elsewhere");
  return fmt::format("3-2-1 does not hold: {}", fmt::join(lacks, ", "));
}

}  // namespace holdfast::cli
