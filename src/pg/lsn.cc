#include "pg/lsn.h"

#include <fmt/format.h>

#include "base/error.h"
#include "pg/digits.h"

namespace holdfast::pg {

namespace {

std::optional<std::uint32_t> ParseHalf(std::string_view text) {
  if (text.size() > 8) return std::nullopt;
  return ParseDigits<std::uint32_t>(text, 16);
}

}  // namespace

std::string FormatLsn(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn.value() >> 32, lsn.value() & 0xFFFFFFFFU);
}

std::optional<Lsn> TryParseLsn(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = ParseHalf(text.substr(0, slash));
  const auto low = ParseHalf(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return Lsn(std::uint64_t{*high} << 32 | *low);
}

Lsn ParseLsn(std::string_view text) {
  const auto lsn = TryParseLsn(text);
  if (!lsn) {
    throw base::Error(base::ErrorKind::kCorrupt, fmt::format("not a WAL position: \"{}\"", text));
  }
  return *lsn;
}

}  // namespace holdfast::pg
