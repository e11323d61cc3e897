#include "cli/three_two_one.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

const HeldPlace kServer{.name = "the server", .medium = "disk 1"};
const HeldPlace kBeside{.name = "main", .medium = "disk 1"};
const HeldPlace kOtherDisk{.name = "main", .medium = "disk 2"};
const HeldPlace kBucket{.name = "offsite", .medium = "s3.example", .elsewhere = true};

TEST(ThreeTwoOne, HoldsWithTheServerARepositoryAndACopyElsewhere) {
  EXPECT_TRUE(CountCopies({kServer, kOtherDisk, kBucket}).holds());
  EXPECT_TRUE(CountCopies({kServer, kBeside, kBucket}).holds());
  EXPECT_EQ(ToText(CountCopies({kServer, kBeside, kBucket})), "3-2-1 holds");
}

TEST(ThreeTwoOne, NeedsThreeCopies) {
  EXPECT_EQ(ToText(CountCopies({kServer, kBucket})), "3-2-1 does not hold: 2 copies instead of 3");
}

TEST(ThreeTwoOne, NeedsOneElsewhere) {
  EXPECT_EQ(ToText(CountCopies({kServer, kBeside, kOtherDisk})),
            "3-2-1 does not hold: none is known to be elsewhere");
}

TEST(ThreeTwoOne, NamesAllThatIsMissing) {
  EXPECT_EQ(ToText(CountCopies({kServer, kBeside})),
            "3-2-1 does not hold: 2 copies instead of 3, 1 medium instead of 2, none is known to "
            "be elsewhere");
}

}  // namespace
}  // namespace holdfast::cli
