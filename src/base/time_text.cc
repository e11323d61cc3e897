#include "base/time_text.h"

#include <date/date.h>
#include <date/tz.h>
#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>
#include <stdexcept>

#include "base/error.h"

namespace holdfast::base {

namespace {

using std::chrono::seconds;
using LocalTime = date::local_time<Duration>;

constexpr std::string_view kUtc = "UTC";

const date::time_zone* FindZone(std::string_view zone) {
  try {
    return date::locate_zone(std::string(zone));
  } catch (const std::runtime_error&) {
    throw Error(ErrorKind::kUsage, fmt::format("unknown time zone \"{}\"", zone),
                {"use a name like Europe/Berlin, Asia/Tokyo or UTC",
                 "the system's time zone database (package tzdata) must be installed"});
  }
}

struct ZoneInfo {
  seconds offset{0};
  std::string abbreviation;
};

// UTC works on systems without a time zone database.
ZoneInfo InfoAt(Time time, std::string_view zone) {
  if (zone == kUtc) return {.abbreviation = std::string(kUtc)};
  const date::sys_info info = FindZone(zone)->get_info(time);
  return {.offset = info.offset, .abbreviation = info.abbrev};
}

struct CivilTime {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  std::int64_t microsecond = 0;
};

CivilTime CivilAt(Time time, seconds offset) {
  const Time shifted = time + offset;
  const auto day = date::floor<date::days>(shifted);
  const date::year_month_day ymd(day);
  const date::hh_mm_ss<Duration> clock(shifted - day);
  return {.year = static_cast<int>(ymd.year()),
          .month = static_cast<unsigned>(ymd.month()),
          .day = static_cast<unsigned>(ymd.day()),
          .hour = clock.hours().count(),
          .minute = clock.minutes().count(),
          .second = clock.seconds().count(),
          .microsecond = clock.subseconds().count()};
}

std::string FormatOffset(seconds offset) {
  const std::int64_t minutes = std::abs(offset.count()) / 60;
  return fmt::format("{}{:02}:{:02}", offset.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

// Takes pieces off the front of a text; each returns whether it was there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }
  std::string_view Rest() const { return rest_; }

  bool Literal(char expected) {
    if (rest_.empty() || rest_.front() != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool AnyOf(std::string_view expected) {
    if (rest_.empty() || expected.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Exactly `count` digits.
  std::optional<int> Digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (const char digit : rest_.substr(0, count)) {
      if (digit < '0' || digit > '9') return std::nullopt;
      value = value * 10 + (digit - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  // Exactly two digits, at most `limit`.
  std::optional<int> TwoDigitsUpTo(int limit) {
    const std::optional<int> value = Digits(2);
    return value && *value <= limit ? value : std::nullopt;
  }

 private:
  std::string_view rest_;
};

struct ParsedTime {
  LocalTime local;
  std::optional<seconds> offset;       // empty: a local time of the given zone
  std::string_view abbreviation = {};  // what that is called then, where it is said
};

std::optional<LocalTime> ScanDate(Scanner& in) {
  const auto year = in.Digits(4);
  if (!year || !in.Literal('-')) return std::nullopt;
  const auto month = in.Digits(2);
  if (!month || !in.Literal('-')) return std::nullopt;
  const auto day = in.Digits(2);
  if (!day) return std::nullopt;
  const date::year_month_day ymd(date::year(*year), date::month(static_cast<unsigned>(*month)),
                                 date::day(static_cast<unsigned>(*day)));
  if (!ymd.ok()) return std::nullopt;
  return LocalTime(date::local_days(ymd));
}

// One to nine digits after the point; what is finer than a microsecond is dropped.
std::optional<Duration> ScanFraction(Scanner& in) {
  std::int64_t nanoseconds = 0;
  std::int64_t unit = 100'000'000;
  int count = 0;
  for (; count < 9; ++count, unit /= 10) {
    const auto digit = in.Digits(1);
    if (!digit) break;
    nanoseconds += *digit * unit;
  }
  if (count == 0) return std::nullopt;
  return Duration(nanoseconds / 1000);
}

std::optional<Duration> ScanTimeOfDay(Scanner& in) {
  const auto hour = in.TwoDigitsUpTo(23);
  if (!hour || !in.Literal(':')) return std::nullopt;
  const auto minute = in.TwoDigitsUpTo(59);
  if (!minute) return std::nullopt;
  Duration time = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (!in.Literal(':')) return time;
  const auto second = in.TwoDigitsUpTo(59);
  if (!second) return std::nullopt;
  time += seconds(*second);
  if (!in.Literal('.')) return time;
  const auto fraction = ScanFraction(in);
  if (!fraction) return std::nullopt;
  return time + *fraction;
}

std::optional<seconds> ScanOffset(Scanner& in) {
  if (in.AnyOf("Zz")) return seconds(0);
  const bool negative = in.Literal('-');
  if (!negative && !in.Literal('+')) return std::nullopt;
  const auto hour = in.TwoDigitsUpTo(23);
  if (!hour) return std::nullopt;
  seconds offset = std::chrono::hours(*hour);
  if (!in.AtEnd()) {
    in.Literal(':');
    const auto minute = in.TwoDigitsUpTo(59);
    if (!minute) return std::nullopt;
    offset += std::chrono::minutes(*minute);
  }
  return negative ? -offset : offset;
}

std::optional<ParsedTime> ScanTime(std::string_view text) {
  Scanner in(text);
  const auto day = ScanDate(in);
  if (!day) return std::nullopt;
  ParsedTime parsed{.local = *day, .offset = std::nullopt};
  if (in.AtEnd()) return parsed;
  if (!in.AnyOf("Tt ")) return std::nullopt;
  const auto time = ScanTimeOfDay(in);
  if (!time) return std::nullopt;
  parsed.local += *time;
  if (in.AtEnd()) return parsed;
  if (in.Literal(' ')) {
    if (in.AtEnd()) return std::nullopt;
    parsed.abbreviation = in.Rest();
    return parsed;
  }
  parsed.offset = ScanOffset(in);
  if (!parsed.offset || !in.AtEnd()) return std::nullopt;
  return parsed;
}

Time ToTime(LocalTime local, seconds offset) {
  return Time(local.time_since_epoch() - Duration(offset));
}

Time LocalToTime(LocalTime local, std::string_view zone, std::string_view text) {
  if (zone == kUtc) return ToTime(local, seconds(0));
  const date::local_info info = FindZone(zone)->get_info(local);
  if (info.result == date::local_info::nonexistent) {
    throw Error(ErrorKind::kUsage, fmt::format("\"{}\" does not exist in {}", text, zone),
                {fmt::format("the clocks went from {} to {}",
                             FormatRfc3339(Time(info.first.end) - seconds(1), zone),
                             FormatRfc3339(Time(info.second.begin), zone))});
  }
  if (info.result == date::local_info::ambiguous) {
    throw Error(ErrorKind::kUsage, fmt::format("\"{}\" happened twice in {}", text, zone),
                {fmt::format("either {}", FormatRfc3339(ToTime(local, info.first.offset), zone)),
                 fmt::format("or {}", FormatRfc3339(ToTime(local, info.second.offset), zone))});
  }
  return ToTime(local, info.first.offset);
}

// Of the two times that a daylight saving change repeats, the abbreviation says which.
std::optional<Time> AbbreviatedToTime(LocalTime local, std::string_view abbreviation,
                                      std::string_view zone) {
  if (abbreviation == kUtc) return ToTime(local, seconds(0));
  if (zone == kUtc) return std::nullopt;
  const date::local_info info = FindZone(zone)->get_info(local);
  if (info.result == date::local_info::nonexistent) return std::nullopt;
  if (info.first.abbrev == abbreviation) return ToTime(local, info.first.offset);
  if (info.result == date::local_info::ambiguous && info.second.abbrev == abbreviation)
    return ToTime(local, info.second.offset);
  return std::nullopt;
}

struct DurationUnit {
  std::string_view name;
  Duration length;
};

// Longest first, which is also the order in which they may follow each other.
constexpr std::array<DurationUnit, 6> kDurationUnits = {{{"w", std::chrono::hours(24 * 7)},
                                                         {"d", std::chrono::hours(24)},
                                                         {"h", std::chrono::hours(1)},
                                                         {"m", std::chrono::minutes(1)},
                                                         {"s", std::chrono::seconds(1)},
                                                         {"ms", std::chrono::milliseconds(1)}}};

// The digits or the letters that `text` starts with, taken off it.
std::string_view TakeRun(std::string_view& text, std::string_view alphabet) {
  const std::string_view run = text.substr(0, text.find_first_not_of(alphabet));
  text.remove_prefix(run.size());
  return run;
}

std::optional<Duration> ScanDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const std::string_view digits = TakeRun(text, "0123456789");
    const std::string_view name = TakeRun(text, "wdhms");
    // Twelve digits keep the number in range.
    if (digits.empty() || digits.size() > 12) return std::nullopt;
    while (next_unit < kDurationUnits.size() && kDurationUnits[next_unit].name != name) ++next_unit;
    if (next_unit == kDurationUnits.size()) return std::nullopt;
    const std::int64_t length = kDurationUnits[next_unit++].length.count();
    const std::int64_t number = std::stoll(std::string(digits));
    if (number > (kMost - total) / length) return std::nullopt;
    total += number * length;
  }
  return Duration(total);
}

// "3 min 10 s", or "3 min" when the smaller part is nothing.
std::string TwoUnits(std::int64_t value, std::int64_t per_unit, std::string_view large,
                     std::string_view small) {
  if (value % per_unit == 0) return fmt::format("{} {}", value / per_unit, large);
  return fmt::format("{} {} {} {}", value / per_unit, large, value % per_unit, small);
}

}  // namespace

void CheckTimeZone(std::string_view zone) {
  if (zone != kUtc) FindZone(zone);
}

seconds ZoneOffset(Time time, std::string_view zone) { return InfoAt(time, zone).offset; }

std::string FormatRfc3339(Time time, std::string_view zone) {
  seconds offset = InfoAt(time, zone).offset;
  // The offsets of local mean time have seconds, which RFC 3339 cannot say.
  if (offset.count() % 60 != 0) offset = seconds(0);
  const CivilTime at = CivilAt(time, offset);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", at.year, at.month, at.day,
                                 at.hour, at.minute, at.second);
  if (at.microsecond != 0) text += fmt::format(".{:06}", at.microsecond);
  return text + (offset == seconds(0) ? "Z" : FormatOffset(offset));
}

std::string FormatForPeople(Time time, std::string_view zone) {
  return FormatExactly(date::floor<seconds>(time), zone);
}

std::string FormatExactly(Time time, std::string_view zone) {
  const ZoneInfo info = InfoAt(time, zone);
  const CivilTime at = CivilAt(time, info.offset);
  std::string fraction = at.microsecond == 0 ? "" : fmt::format(".{:06}", at.microsecond);
  fraction.resize(fraction.find_last_not_of('0') + 1);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}{} {}", at.year, at.month, at.day, at.hour,
                     at.minute, at.second, fraction, info.abbreviation);
}

std::string FormatCompactUtc(Time time) {
  const CivilTime at = CivilAt(time, seconds(0));
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", at.year, at.month, at.day, at.hour,
                     at.minute, at.second);
}

Time ParseTime(std::string_view text, std::string_view zone) {
  const std::optional<ParsedTime> parsed = ScanTime(text);
  if (parsed && !parsed->abbreviation.empty()) {
    if (const auto time = AbbreviatedToTime(parsed->local, parsed->abbreviation, zone))
      return *time;
  }
  if (!parsed || !parsed->abbreviation.empty()) {
    throw Error(ErrorKind::kUsage, fmt::format("\"{}\" is not a time", text),
                {"write it like 2026-11-21 16:00:03 or 2026-11-21T16:00:03+09:00"});
  }
  if (parsed->offset) return ToTime(parsed->local, *parsed->offset);
  return LocalToTime(parsed->local, zone, text);
}

std::string FormatDuration(Duration duration) {
  const std::int64_t microseconds = duration.count();
  if (microseconds < 0) {
    // The most negative duration has no positive counterpart.
    return "-" + FormatDuration(microseconds == std::numeric_limits<std::int64_t>::min()
                                    ? Duration::max()
                                    : -duration);
  }
  const std::int64_t milliseconds = microseconds / 1000;
  if (milliseconds < 1000) return fmt::format("{} ms", milliseconds);
  const std::int64_t whole_seconds = milliseconds / 1000;
  if (whole_seconds < 60) return fmt::format("{}.{} s", whole_seconds, milliseconds / 100 % 10);
  if (whole_seconds < 3600) return TwoUnits(whole_seconds, 60, "min", "s");
  if (whole_seconds < std::int64_t{24} * 3600) return TwoUnits(whole_seconds / 60, 60, "h", "min");
  return TwoUnits(whole_seconds / 3600, 24, "d", "h");
}

Duration ParseDuration(std::string_view text) {
  const std::optional<Duration> duration = ScanDuration(text);
  if (!duration) {
    throw Error(ErrorKind::kUsage, fmt::format("\"{}\" is not a duration", text),
                {"write it like 500ms, 30s, 5m, 1h30m or 2d"});
  }
  return *duration;
}

}  // namespace holdfast::base
