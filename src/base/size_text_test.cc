#include "base/size_text.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::base {
namespace {

TEST(FormatBytes, PicksAUnit) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(kMiB), "1.0 MiB");
  EXPECT_EQ(FormatBytes(5 * kGiB / 2), "2.50 GiB");
  EXPECT_EQ(FormatBytes(10 * 1024 * kGiB), "10.00 TiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<std::uint64_t>::max()), "16.00 EiB");
}

TEST(FormatBytes, NeverSays1024OfAUnit) {
  EXPECT_EQ(FormatBytes(kMiB - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(kGiB - 1), "1.00 GiB");
}

TEST(ParseBytes, TakesBinaryUnits) {
  EXPECT_EQ(ParseBytes("0"), 0U);
  EXPECT_EQ(ParseBytes("4096"), 4096U);
  EXPECT_EQ(ParseBytes("4096B"), 4096U);
  EXPECT_EQ(ParseBytes("1MiB"), kMiB);
  EXPECT_EQ(ParseBytes("1mib"), kMiB);
  EXPECT_EQ(ParseBytes("16 kB"), 16 * kKiB);
  EXPECT_EQ(ParseBytes("16K"), 16 * kKiB);
  EXPECT_EQ(ParseBytes("1G"), kGiB);
  EXPECT_EQ(ParseBytes("2TB"), 2048 * kGiB);
  EXPECT_EQ(ParseBytes("15EiB"), std::uint64_t{15} << 60);
  EXPECT_EQ(ParseBytes("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
}

TEST(ParseBytes, RefusesAnythingElse) {
  for (const char* text :
       {"", " ", "MiB", "-1", "+1", " 1", "1 ", "1  K", "1.5G", "1X", "1KiBs", "1 K B", "1Ki",
        "0x10", "16EiB", "17179869184G", "18446744073709551616", "1,000"}) {
    SCOPED_TRACE(text);
    try {
      ParseBytes(text);
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_FALSE(error.hints().empty());
    }
  }
}

}  // namespace
}  // namespace holdfast::base
