#include "base/size_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "base/error.h"

namespace holdfast::base {

namespace {

constexpr std::array<std::string_view, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
constexpr std::string_view kUnitLetters = "kmgtpe";

char LowerCase(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

// The power of 1024 that "", "B", "K", "KB" or "KiB" stand for; empty when it is no unit.
std::optional<unsigned> UnitPower(std::string_view unit) {
  std::string lower;
  for (const char letter : unit) lower += LowerCase(letter);
  if (lower.empty() || lower == "b") return 0;
  const auto position = kUnitLetters.find(lower.front());
  if (position == std::string_view::npos) return std::nullopt;
  const std::string rest = lower.substr(1);
  if (!rest.empty() && rest != "b" && rest != "ib") return std::nullopt;
  return static_cast<unsigned>(position) + 1;
}

[[noreturn]] void ThrowNotASize(std::string_view text) {
  throw Error(ErrorKind::kUsage, fmt::format("\"{}\" is not a size", text),
              {"write it like 4096, 64KiB, 16MiB or 2GiB"});
}

}  // namespace

std::string FormatBytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 1023.95 would be printed as "1024.0" of the smaller unit.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  // From GiB on a tenth is a lot of bytes.
  return unit < 3 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                  : fmt::format("{:.2f} {}", value, kUnits[unit]);
}

std::uint64_t ParseBytes(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{}) ThrowNotASize(text);
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (unit.size() > 1 && unit.front() == ' ') unit.remove_prefix(1);
  const std::optional<unsigned> power = UnitPower(unit);
  if (!power) ThrowNotASize(text);
  if (number > std::numeric_limits<std::uint64_t>::max() >> (10 * *power)) ThrowNotASize(text);
  return number << (10 * *power);
}

}  // namespace holdfast::base
