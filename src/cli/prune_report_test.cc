#include "cli/prune_report.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace holdfast::cli {
namespace {

TEST(PruneReport, GivesNumbersAndSizes) {
  EXPECT_EQ(AmountText({}), "-");
  EXPECT_EQ(AmountText({.objects = 12, .bytes = 340 * base::kMiB}), "12, 340.0 MiB");
  EXPECT_EQ(AmountText({.objects = 1, .bytes = 0}), "1, 0 B");
}

}  // namespace
}  // namespace holdfast::cli
