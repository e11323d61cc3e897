#include "base/calendar.h"

#include <date/date.h>

#include "base/time_text.h"

namespace holdfast::base {

CalendarPlace PlaceOnCalendar(Time time, std::string_view zone) {
  using std::chrono::floor;
  const std::chrono::seconds offset = ZoneOffset(time, zone);
  const Time local = time + offset;
  const auto day = floor<date::days>(local);
  const date::year_month_day civil(day);
  const std::int64_t days = day.time_since_epoch().count();
  const int year = static_cast<int>(civil.year());
  // Counted in UTC, from where the local hour began: so the hour that clocks show twice is told
  // apart. Seconds, since zones may lie half an hour off.
  const Time hour = floor<std::chrono::hours>(local) - offset;
  constexpr std::int64_t kThursday = 3;  // 1970-01-01 was one; Monday is 0
  constexpr std::int64_t kDaysAWeek = 7;
  const std::int64_t monday = days + kThursday;
  const std::int64_t week =
      (monday - ((monday % kDaysAWeek) + kDaysAWeek) % kDaysAWeek) / kDaysAWeek;
  return {.hour = floor<std::chrono::seconds>(hour).time_since_epoch().count(),
          .day = days,
          .week = week,
          .month = std::int64_t{year} * 12 + static_cast<unsigned>(civil.month()),
          .year = year};
}

}  // namespace holdfast::base
