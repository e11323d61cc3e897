#include "base/counted.h"

#include <gtest/gtest.h>

namespace holdfast::base {
namespace {

TEST(Counted, IsOneOrMany) {
  EXPECT_EQ(Counted(0, "pack"), "0 packs");
  EXPECT_EQ(Counted(1, "pack"), "1 pack");
  EXPECT_EQ(Counted(2, "pack"), "2 packs");
  EXPECT_EQ(Counted(1, "copy is", "copies are"), "1 copy is");
  EXPECT_EQ(Counted(2, "copy is", "copies are"), "2 copies are");
}

}  // namespace
}  // namespace holdfast::base
