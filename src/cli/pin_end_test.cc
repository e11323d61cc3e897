#include "cli/pin_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/time_text.h"

namespace holdfast::cli {
namespace {

using testing::HasSubstr;

const base::Time kNow = base::ParseTime("2026-11-21 07:00:00", "UTC");

std::string EndOf(std::string_view text) {
  return base::FormatRfc3339(PinEnd(text, kNow, "Asia/Tokyo"));
}

std::string Refusal(std::string_view text) {
  try {
    return EndOf(text);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kUsage);
    return error.message();
  }
}

TEST(PinEnd, IsATimeInTheConfiguredZoneOrADurationFromNow) {
  EXPECT_EQ(EndOf("2027-01-31"), "2027-01-30T15:00:00Z");
  EXPECT_EQ(EndOf("2027-01-31 18:00"), "2027-01-31T09:00:00Z");
  EXPECT_EQ(EndOf("2027-01-31T18:00:00Z"), "2027-01-31T18:00:00Z");
  EXPECT_EQ(EndOf("30d"), "2026-12-21T07:00:00Z");
  EXPECT_EQ(EndOf("1h30m"), "2026-11-21T08:30:00Z");
}

TEST(PinEnd, RefusesWhatIsNeitherOrOver) {
  EXPECT_THAT(Refusal("soon"), HasSubstr("neither a time nor a duration"));
  EXPECT_THAT(Refusal(""), HasSubstr("neither a time nor a duration"));
  EXPECT_THAT(Refusal("-3d"), HasSubstr("neither a time nor a duration"));
  EXPECT_THAT(Refusal("2027-02-30"), HasSubstr("2027-02-30"));
  EXPECT_THAT(Refusal("2026-11-21 07:00:00Z"), HasSubstr("over already"));
  EXPECT_THAT(Refusal("2020-01-01"), HasSubstr("over already"));
  EXPECT_THAT(Refusal("0s"), HasSubstr("over already"));
  EXPECT_THAT(Refusal("9999-01-01"), HasSubstr("hundred years"));
  EXPECT_THAT(Refusal("200000w"), HasSubstr("hundred years"));
}

}  // namespace
}  // namespace holdfast::cli
