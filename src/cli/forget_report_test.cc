#include "cli/forget_report.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

TEST(ForgetReport, SaysWhyABackupStays) {
  upkeep::ForgetVerdict verdict;
  EXPECT_EQ(WhyText(verdict), "");
  verdict.reasons = {"newest good backup", "days"};
  EXPECT_EQ(WhyText(verdict), "newest good backup, days");
  verdict.flaw = "3 of its packs are missing";
  EXPECT_EQ(WhyText(verdict), "newest good backup, days; not good: 3 of its packs are missing");
  verdict.reasons.clear();
  EXPECT_EQ(WhyText(verdict), "not good: 3 of its packs are missing");
}

}  // namespace
}  // namespace holdfast::cli
