#include "cli/pin_end.h"

#include <fmt/format.h>

#include <cctype>
#include <string>

#include "base/error.h"
#include "base/time_text.h"

namespace holdfast::cli {
namespace {

using base::Error;
using base::ErrorKind;

// Longer is without end.
constexpr base::Duration kLongestPin = std::chrono::hours(24 * 366 * 100);

// Begins like a year: what is wrong with it is wrong with a time.
bool LooksLikeTime(std::string_view text) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  return digits == 4 && text[digits] == '-';
}

base::Time EndOf(std::string_view text, base::Time now, std::string_view zone) {
  if (LooksLikeTime(text)) return base::ParseTime(text, zone);
  try {
    return now + std::min(base::ParseDuration(text), kLongestPin + base::Duration(1));
  } catch (const Error&) {
    throw Error(ErrorKind::kUsage, fmt::format("\"{}\" is neither a time nor a duration", text),
                {"--until 2027-01-31, or --until '2027-01-31 18:00', or --until 30d"});
  }
}

}  // namespace

base::Time PinEnd(std::string_view text, base::Time now, std::string_view zone) {
  const base::Time end = EndOf(text, now, zone);
  if (end <= now)
    throw Error(
        ErrorKind::kUsage,
        fmt::format("a pin until {} would be over already", base::FormatForPeople(end, zone)),
        {"it is the repository's clock that counts; --until 30d is a month from now"});
  if (end - now > kLongestPin)
    throw Error(ErrorKind::kUsage, "a pin for more than a hundred years",
                {"without --until it holds until it is unpinned"});
  return end;
}

}  // namespace holdfast::cli
