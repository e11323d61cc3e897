#include "base/calendar.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/time_text.h"

namespace holdfast::base {
namespace {

CalendarPlace At(std::string_view text, std::string_view zone) {
  return PlaceOnCalendar(ParseTime(text, "UTC"), zone);
}

TEST(Calendar, TheZoneDecidesWhichDayAMomentIsOn) {
  EXPECT_EQ(At("2026-11-21T14:59:59Z", "Asia/Tokyo").day + 1,
            At("2026-11-21T15:00:00Z", "Asia/Tokyo").day);
  EXPECT_EQ(At("2026-11-21T14:59:59Z", "UTC").day, At("2026-11-21T15:00:00Z", "UTC").day);
}

TEST(Calendar, WeeksBeginOnMonday) {
  const CalendarPlace sunday = At("2026-11-22T23:59:59Z", "UTC");
  const CalendarPlace monday = At("2026-11-23T00:00:00Z", "UTC");
  EXPECT_EQ(sunday.week + 1, monday.week);
  EXPECT_EQ(monday.week, At("2026-11-29T23:59:59Z", "UTC").week);
  EXPECT_EQ(At("1969-12-29T00:00:00Z", "UTC").week, At("1970-01-04T00:00:00Z", "UTC").week);
  EXPECT_EQ(At("1969-12-28T23:00:00Z", "UTC").week + 1, At("1969-12-29T00:00:00Z", "UTC").week);
}

TEST(Calendar, MonthsAndYearsFollowOneAnother) {
  const CalendarPlace december = At("2026-12-31T23:59:59Z", "UTC");
  const CalendarPlace january = At("2027-01-01T00:00:00Z", "UTC");
  EXPECT_EQ(december.month + 1, january.month);
  EXPECT_EQ(december.year + 1, january.year);
}

TEST(Calendar, TheHourThatClocksShowTwiceIsTwoHours) {
  // Clocks in Berlin went from 03:00 back to 02:00 at 01:00 UTC.
  const CalendarPlace before = At("2026-10-25T00:30:00Z", "Europe/Berlin");
  const CalendarPlace after = At("2026-10-25T01:30:00Z", "Europe/Berlin");
  EXPECT_NE(before.hour, after.hour);
  EXPECT_EQ(before.day, after.day);
}

TEST(Calendar, ADayOfTwentyThreeOrTwentyFiveHoursIsOneDay) {
  const CalendarPlace first = At("2026-10-24T22:00:00Z", "Europe/Berlin");
  EXPECT_EQ(first.day, At("2026-10-25T22:59:59Z", "Europe/Berlin").day);
  EXPECT_EQ(first.day + 1, At("2026-10-25T23:00:00Z", "Europe/Berlin").day);
  const CalendarPlace spring = At("2026-03-28T23:00:00Z", "Europe/Berlin");
  EXPECT_EQ(spring.day, At("2026-03-29T21:59:59Z", "Europe/Berlin").day);
  EXPECT_EQ(spring.day + 1, At("2026-03-29T22:00:00Z", "Europe/Berlin").day);
}

TEST(Calendar, HoursBeginWhereLocalClocksSaySo) {
  // India lies five and a half hours ahead.
  EXPECT_EQ(At("2026-11-21T06:30:00Z", "Asia/Kolkata").hour,
            At("2026-11-21T07:29:59Z", "Asia/Kolkata").hour);
  EXPECT_NE(At("2026-11-21T06:29:59Z", "Asia/Kolkata").hour,
            At("2026-11-21T06:30:00Z", "Asia/Kolkata").hour);
}

TEST(Calendar, RefusesAZoneThatDoesNotExist) {
  EXPECT_THROW((void)At("2026-11-21T06:30:00Z", "Europe/Atlantis"), Error);
}

}  // namespace
}  // namespace holdfast::base
