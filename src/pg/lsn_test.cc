#include "pg/lsn.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.h"

namespace holdfast::pg {
namespace {

TEST(Lsn, IsWrittenAsTheServerWritesIt) {
  EXPECT_EQ(FormatLsn(Lsn(0x16B374D848)), "16/B374D848");
  EXPECT_EQ(FormatLsn(Lsn(0)), "0/0");
  EXPECT_EQ(FormatLsn(Lsn(0x1'0000'0028)), "1/28");
}

TEST(Lsn, IsReadInEitherCaseAndWithLeadingZeros) {
  EXPECT_EQ(ParseLsn("16/b374d848"), Lsn(0x16B374D848));
  EXPECT_EQ(ParseLsn("0/02000028"), Lsn(0x2000028));
  EXPECT_EQ(ParseLsn("FFFFFFFF/FFFFFFFF"), Lsn(~std::uint64_t{0}));
}

TEST(Lsn, RefusesAnythingElse) {
  for (const auto* text : {"", "/", "1", "1/", "/1", "1/2/3", "g/1", " 1/2", "1/2 ", "-1/2", "+1/2",
                           "100000000/0", "0/100000000", "0x1/2", "0000000001/1"}) {
    EXPECT_FALSE(TryParseLsn(text)) << text;
    EXPECT_THROW(ParseLsn(text), base::Error) << text;
  }
}

TEST(Lsn, SurvivesTheRoundTrip) {
  EXPECT_TRUE(rc::check(
      [](std::uint64_t value) { RC_ASSERT(ParseLsn(FormatLsn(Lsn(value))) == Lsn(value)); }));
}

TEST(Lsn, CountsBytes) {
  EXPECT_EQ(Lsn(100) + 28, Lsn(128));
  EXPECT_EQ(Lsn(128) - 28, Lsn(100));
  EXPECT_EQ(Lsn(128) - Lsn(100), 28U);
  EXPECT_LT(Lsn(100), Lsn(128));
}

}  // namespace
}  // namespace holdfast::pg
