#include "base/time_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"

namespace holdfast::base {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

// 2026-11-21T07:00:03Z
constexpr Time kNoon = Time(seconds(1'795'244'403));

template <typename Work>
Error ThrownBy(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::kInternal, "nothing was thrown"};
}

TEST(FormatRfc3339, GivesTheOffsetOfTheZone) {
  EXPECT_EQ(FormatRfc3339(kNoon), "2026-11-21T07:00:03Z");
  EXPECT_EQ(FormatRfc3339(kNoon, "Asia/Tokyo"), "2026-11-21T16:00:03+09:00");
  EXPECT_EQ(FormatRfc3339(kNoon, "America/St_Johns"), "2026-11-21T03:30:03-03:30");
  EXPECT_EQ(FormatRfc3339(kNoon, "Asia/Kathmandu"), "2026-11-21T12:45:03+05:45");
}

TEST(FormatRfc3339, GivesFractionsOnlyWhenThereAreSome) {
  EXPECT_EQ(FormatRfc3339(kNoon + Duration(250'000), "Asia/Tokyo"),
            "2026-11-21T16:00:03.250000+09:00");
  EXPECT_EQ(FormatRfc3339(kNoon + Duration(1)), "2026-11-21T07:00:03.000001Z");
}

TEST(FormatRfc3339, WorksBeforeTheEpoch) {
  EXPECT_EQ(FormatRfc3339(Time(Duration(-1))), "1969-12-31T23:59:59.999999Z");
  // Local mean time: +00:53:28.
  EXPECT_EQ(FormatRfc3339(Time(seconds(-2'500'000'000)), "Europe/Berlin"), "1890-10-11T19:33:20Z");
}

TEST(FormatForPeople, SaysTheZone) {
  EXPECT_EQ(FormatForPeople(kNoon, "Asia/Tokyo"), "2026-11-21 16:00:03 JST");
  EXPECT_EQ(FormatForPeople(kNoon, "UTC"), "2026-11-21 07:00:03 UTC");
  EXPECT_EQ(FormatForPeople(kNoon, "Europe/Berlin"), "2026-11-21 08:00:03 CET");
}

TEST(FormatCompactUtc, SortsLikeTime) {
  EXPECT_EQ(FormatCompactUtc(kNoon), "20261121T070003Z");
  EXPECT_EQ(FormatCompactUtc(kNoon + Duration(999'999)), "20261121T070003Z");
}

TEST(TimeZone, IsRefusedWhenUnknown) {
  EXPECT_NO_THROW(CheckTimeZone("UTC"));
  EXPECT_NO_THROW(CheckTimeZone("Asia/Tokyo"));
  for (const char* zone : {"", "Mars/Olympus", "../etc/passwd", "asia/tokyo "}) {
    EXPECT_EQ(ThrownBy([&] { CheckTimeZone(zone); }).kind(), ErrorKind::kUsage) << zone;
    EXPECT_EQ(ThrownBy([&] { FormatRfc3339(kNoon, zone); }).kind(), ErrorKind::kUsage) << zone;
    EXPECT_EQ(ThrownBy([&] { ParseTime("2026-11-21", zone); }).kind(), ErrorKind::kUsage) << zone;
  }
}

TEST(ParseTime, TakesAnOffsetInEachForm) {
  for (const char* text :
       {"2026-11-21T07:00:03Z", "2026-11-21t07:00:03z", "2026-11-21 07:00:03Z",
        "2026-11-21T16:00:03+09:00", "2026-11-21 16:00:03+09", "2026-11-21 16:00:03+0900",
        "2026-11-21T02:00:03-05:00", "2026-11-20T21:00:03-10", "2026-11-22 06:59:03+23:59",
        "2026-11-21T07:00:03-00:00", "2026-11-21T07:00:03.000+00"}) {
    EXPECT_EQ(ParseTime(text, "America/New_York"), kNoon) << text;
  }
}

TEST(ParseTime, TakesALocalTimeOfTheZone) {
  EXPECT_EQ(ParseTime("2026-11-21 16:00:03", "Asia/Tokyo"), kNoon);
  EXPECT_EQ(ParseTime("2026-11-21T16:00:03", "Asia/Tokyo"), kNoon);
  EXPECT_EQ(ParseTime("2026-11-21 16:00", "Asia/Tokyo"), kNoon - seconds(3));
  EXPECT_EQ(ParseTime("2026-11-21", "Asia/Tokyo"), kNoon - seconds(16 * 3600 + 3));
  EXPECT_EQ(ParseTime("2026-11-21 07:00:03", "UTC"), kNoon);
  EXPECT_EQ(ParseTime("2024-02-29", "UTC"), Time(seconds(1'709'164'800)));
}

TEST(ParseTime, TakesFractions) {
  EXPECT_EQ(ParseTime("2026-11-21 07:00:03.25", "UTC"), kNoon + Duration(250'000));
  EXPECT_EQ(ParseTime("2026-11-21 07:00:03.000001Z", "UTC"), kNoon + Duration(1));
  EXPECT_EQ(ParseTime("2026-11-21 07:00:03.123456789Z", "UTC"), kNoon + Duration(123'456));
  EXPECT_EQ(ParseTime("2026-11-21 16:00:03.999999+09", "UTC"), kNoon + Duration(999'999));
}

TEST(ParseTime, RefusesAnythingElse) {
  for (const char* text : {"",
                           "now",
                           "2026",
                           "2026-11",
                           "2026-11-",
                           "26-11-21",
                           "2026-1-1",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-11-31",
                           "2026-02-29",
                           "2026-11-21 ",
                           " 2026-11-21",
                           "2026-11-21T",
                           "2026-11-21 7:00",
                           "2026-11-21 24:00",
                           "2026-11-21 07:60",
                           "2026-11-21 07:00:60",
                           "2026-11-21 07",
                           "2026-11-21 07:00:",
                           "2026-11-21 07:00:03.",
                           "2026-11-21 07:00:03.1234567890",
                           "2026-11-21 07:00:03,5",
                           "2026-11-21 07:00:03 +09",
                           "2026-11-21 07:00:03+9",
                           "2026-11-21 07:00:03+24",
                           "2026-11-21 07:00:03+09:60",
                           "2026-11-21 07:00:03+09:",
                           "2026-11-21 07:00:03+09:00:00",
                           "2026-11-21 07:00:03Zulu",
                           "2026-11-21 07:00:03 JST",
                           "2026-11-21Z",
                           "2026/11/21",
                           "20261121T070003Z",
                           "+2026-11-21",
                           "2026-11-21_07:00"}) {
    const Error error = ThrownBy([&] { ParseTime(text, "UTC"); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << text;
    EXPECT_FALSE(error.hints().empty()) << text;
  }
}

TEST(ParseTime, RefusesATimeThatTheClocksSkip) {
  // Berlin, 2026-03-29: from 02:00 CET to 03:00 CEST.
  EXPECT_EQ(ParseTime("2026-03-29 01:59:59", "Europe/Berlin"), Time(seconds(1'774'745'999)));
  EXPECT_EQ(ParseTime("2026-03-29 03:00:00", "Europe/Berlin"), Time(seconds(1'774'746'000)));
  for (const char* text :
       {"2026-03-29 02:00", "2026-03-29 02:30:00", "2026-03-29 02:59:59.999999"}) {
    const Error error = ThrownBy([&] { ParseTime(text, "Europe/Berlin"); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << text;
    EXPECT_THAT(error.hints(), ElementsAre("the clocks went from 2026-03-29T01:59:59+01:00 to "
                                           "2026-03-29T03:00:00+02:00"));
  }
}

TEST(ParseTime, RefusesATimeThatTheClocksRepeatAndOffersBoth) {
  // Berlin, 2026-10-25: from 03:00 CEST back to 02:00 CET.
  const Error error = ThrownBy([] { ParseTime("2026-10-25 02:30", "Europe/Berlin"); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.hints(),
              ElementsAre("either 2026-10-25T02:30:00+02:00", "or 2026-10-25T02:30:00+01:00"));
  EXPECT_EQ(ParseTime("2026-10-25T02:30:00+02:00", "Europe/Berlin"), Time(seconds(1'792'888'200)));
  EXPECT_EQ(ParseTime("2026-10-25T02:30:00+01:00", "Europe/Berlin"), Time(seconds(1'792'891'800)));
  EXPECT_EQ(ParseTime("2026-10-25 03:00", "Europe/Berlin"), Time(seconds(1'792'893'600)));
}

TEST(ParseTime, TakesWhatTheZoneIsCalled) {
  EXPECT_EQ(ParseTime("2026-11-21 16:00:03 JST", "Asia/Tokyo"), kNoon);
  EXPECT_EQ(ParseTime("2026-11-21 07:00:03 UTC", "Asia/Tokyo"), kNoon);
  EXPECT_EQ(ParseTime("2026-11-21 07:00:03 UTC", "UTC"), kNoon);
  EXPECT_EQ(ParseTime("2026-11-21 04:00:03 -03", "America/Sao_Paulo"), kNoon);
  EXPECT_EQ(ParseTime("2026-10-25 02:30:00 CEST", "Europe/Berlin"), Time(seconds(1'792'888'200)));
  EXPECT_EQ(ParseTime("2026-10-25 02:30:00 CET", "Europe/Berlin"), Time(seconds(1'792'891'800)));
  for (const char* text : {"2026-07-01 12:00:00 CET", "2026-11-21 16:00:03 JST",
                           "2026-03-29 02:30:00 CET", "2026-11-21 16:00:03 "}) {
    EXPECT_EQ(ThrownBy([&] { ParseTime(text, "Europe/Berlin"); }).kind(), ErrorKind::kUsage)
        << text;
  }
}

TEST(FormatExactly, HasTheDigitsThatAreThere) {
  EXPECT_EQ(FormatExactly(kNoon, "Asia/Tokyo"), "2026-11-21 16:00:03 JST");
  EXPECT_EQ(FormatExactly(kNoon + Duration(250'000), "UTC"), "2026-11-21 07:00:03.25 UTC");
  EXPECT_EQ(FormatExactly(kNoon + Duration(1), "UTC"), "2026-11-21 07:00:03.000001 UTC");
  EXPECT_EQ(FormatForPeople(kNoon + Duration(999'999), "UTC"), "2026-11-21 07:00:03 UTC");
}

RC_GTEST_PROP(ParseTime, ReadsBackWhatIsFormatted, ()) {
  const auto microseconds =
      *rc::gen::inRange<std::int64_t>(-2'000'000'000'000'000, 200'000'000'000'000'000);
  const auto* zone = *rc::gen::element("UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York",
                                       "Australia/Lord_Howe", "Asia/Kathmandu");
  const Time time = Time(Duration(microseconds));
  RC_ASSERT(ParseTime(FormatRfc3339(time, zone), "UTC") == time);
  RC_ASSERT(ParseTime(FormatExactly(time, zone), zone) == time);
}

TEST(FormatDuration, UsesTwoUnitsAtMost) {
  using namespace std::chrono_literals;
  EXPECT_EQ(FormatDuration(Duration(0)), "0 ms");
  EXPECT_EQ(FormatDuration(850ms), "850 ms");
  EXPECT_EQ(FormatDuration(999'999us), "999 ms");
  EXPECT_EQ(FormatDuration(4200ms), "4.2 s");
  EXPECT_EQ(FormatDuration(59'999ms), "59.9 s");
  EXPECT_EQ(FormatDuration(190s), "3 min 10 s");
  EXPECT_EQ(FormatDuration(180s), "3 min");
  EXPECT_EQ(FormatDuration(2h + 5min + 59s), "2 h 5 min");
  EXPECT_EQ(FormatDuration(76h), "3 d 4 h");
  EXPECT_EQ(FormatDuration(24h), "1 d");
  EXPECT_EQ(FormatDuration(-190s), "-3 min 10 s");
  EXPECT_EQ(FormatDuration(Duration::min()), FormatDuration(-Duration::max()));
}

TEST(ParseDuration, TakesUnitsInOrder) {
  using namespace std::chrono_literals;
  EXPECT_EQ(ParseDuration("1s"), 1s);
  EXPECT_EQ(ParseDuration("30m"), 30min);
  EXPECT_EQ(ParseDuration("1h30m"), 90min);
  EXPECT_EQ(ParseDuration("2d"), 48h);
  EXPECT_EQ(ParseDuration("1w"), 7 * 24h);
  EXPECT_EQ(ParseDuration("500ms"), 500ms);
  EXPECT_EQ(ParseDuration("1w2d3h4m5s6ms"), 7 * 24h + 48h + 3h + 4min + 5s + 6ms);
  EXPECT_EQ(ParseDuration("0s"), 0s);
}

TEST(ParseDuration, RefusesAnythingElse) {
  for (const char* text : {"", "1", "s", "-1s", "+1s", "1.5h", "1 h", "1h ", "30m1h", "1h1h", "1y",
                           "1sm", "1min", "1S", "9999999999999s", "999999999999w"}) {
    EXPECT_EQ(ThrownBy([&] { ParseDuration(text); }).kind(), ErrorKind::kUsage) << text;
  }
}

}  // namespace
}  // namespace holdfast::base
