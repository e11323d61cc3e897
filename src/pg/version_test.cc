#include "pg/version.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::pg {
namespace {

TEST(MajorVersion, ComesFromTheServersNumber) {
  EXPECT_EQ(MajorVersion::FromServerVersionNumber(150016).number(), 15U);
  EXPECT_EQ(MajorVersion::FromServerVersionNumber(130000).number(), 13U);
  EXPECT_EQ(MajorVersion::FromVersionFile("18\n").number(), 18U);
}

TEST(MajorVersion, RefusesWhatIsNotSupported) {
  EXPECT_THROW(MajorVersion::FromServerVersionNumber(120022), base::Error);
  EXPECT_THROW(MajorVersion::FromServerVersionNumber(90624), base::Error);
  EXPECT_THROW(MajorVersion::FromServerVersionNumber(190000), base::Error);
  EXPECT_THROW(MajorVersion::FromVersionFile("9.6\n"), base::Error);
  EXPECT_THROW(MajorVersion::FromVersionFile(""), base::Error);
}

TEST(MajorVersion, IsKnownByTheNumbersInItsFiles) {
  for (std::uint32_t number = MajorVersion::kOldest; number <= MajorVersion::kNewest; ++number) {
    const auto version = MajorVersion::FromNumber(number);
    EXPECT_EQ(VersionOfWalPageMagic(WalPageMagic(version)), version);
    EXPECT_EQ(VersionOfCatalog(CatalogVersion(version)), version);
  }
  EXPECT_EQ(VersionOfWalPageMagic(0xD101), std::nullopt);
  EXPECT_EQ(VersionOfCatalog(1), std::nullopt);
}

TEST(MajorVersion, NamesItsFolderInATablespace) {
  EXPECT_EQ(TablespaceVersionDirectory(MajorVersion::FromNumber(15)), "PG_15_202209061");
}

}  // namespace
}  // namespace holdfast::pg
