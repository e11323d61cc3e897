// Names that users give to repositories, sources and jobs.
#pragma once

#include <string_view>

namespace holdfast::config {

inline constexpr std::string_view kNameRule =
    "names are 1 to 64 of a-z, 0-9, '_', '.' and '-', starting with a letter or digit";

constexpr bool IsName(std::string_view text) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kRest = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !text.empty() && text.size() <= 64 &&
         kFirst.find(text.front()) != std::string_view::npos &&
         text.find_first_not_of(kRest) == std::string_view::npos;
}

}  // namespace holdfast::config
