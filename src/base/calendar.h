// Where on the calendar of a time zone a moment lies: for keeping one thing an hour, a day, a week.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace holdfast::base {

// Numbers of calendar periods; equal numbers mean the same period, greater ones a later period.
struct CalendarPlace {
  std::int64_t hour = 0;   // of local clocks; the hour that a clock change repeats is two hours
  std::int64_t day = 0;    // local, since 1970-01-01
  std::int64_t week = 0;   // begins on Monday (ISO 8601)
  std::int64_t month = 0;  // year * 12 + month
  std::int64_t year = 0;
  friend bool operator==(const CalendarPlace&, const CalendarPlace&) = default;
};

// Throws Error(kUsage) when the zone is unknown.
CalendarPlace PlaceOnCalendar(Time time, std::string_view zone);

}  // namespace holdfast::base
