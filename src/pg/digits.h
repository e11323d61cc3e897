// Numbers in names and text files, read strictly: no sign, no spaces, no overflow.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>

namespace holdfast::pg {

// The whole text as a number in `base`, or nothing.
template <std::unsigned_integral Number>
std::optional<Number> ParseDigits(std::string_view text, int base = 10) {
  Number value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

// As the server writes identifiers into file names: no leading zero, so 0 itself is refused.
template <std::unsigned_integral Number>
std::optional<Number> ParseNameNumber(std::string_view text) {
  if (text.starts_with('0')) return std::nullopt;
  return ParseDigits<Number>(text);
}

// Exactly `text.size()` upper-case hexadecimal digits, at most 8.
inline std::optional<std::uint32_t> ParseUpperHex(std::string_view text) {
  if (text.size() > 8 || text.find_first_not_of("0123456789ABCDEF") != std::string_view::npos) {
    return std::nullopt;
  }
  return ParseDigits<std::uint32_t>(text, 16);
}

}  // namespace holdfast::pg
