#include "backup/audit.h"

#include <gtest/gtest.h>

#include <cstring>

namespace holdfast::backup {
namespace {

base::Bytes PageAt(std::uint64_t lsn) {
  base::Bytes page(8192, 7);
  // pd_lsn: the high half, then the low one, in the machine's order.
  const auto high = static_cast<std::uint32_t>(lsn >> 32U);
  const auto low = static_cast<std::uint32_t>(lsn);
  std::memcpy(page.data(), &high, sizeof(high));
  std::memcpy(page.data() + sizeof(high), &low, sizeof(low));
  return page;
}

TEST(Audit, JudgesAPageByItsLsn) {
  Audit audit(pg::Lsn(1000), pg::Lsn(2000));
  audit.AddUnnamed("base/5/2", 7, PageAt(1000));
  audit.AddUnnamed("base/5/2", 6, PageAt(2000));
  audit.AddUnnamed("base/5/2", 5, PageAt(1001));
  audit.AddUnnamed("base/5/2", 4, PageAt(2001));
  audit.AddUnnamed("base/5/1", 9, base::Bytes(8192));
  const catalog::AuditFacts facts = audit.Take();
  EXPECT_EQ(facts.pages_without_wal, 1U);
  EXPECT_EQ(facts.pages_missed, 3U);
  ASSERT_EQ(facts.missed.size(), 3U);
  EXPECT_EQ(facts.missed[0].path, "base/5/1");
  EXPECT_EQ(facts.missed[1].block, 5U);
  EXPECT_EQ(facts.missed[2].block, 6U);
}

TEST(Audit, CountsMoreThanItNames) {
  Audit audit(pg::Lsn(1000), pg::Lsn(2000));
  for (pg::BlockNumber block = 0; block < 1500; ++block)
    audit.AddUnnamed("base/5/2", block, PageAt(1500));
  const catalog::AuditFacts facts = audit.Take();
  EXPECT_EQ(facts.pages_missed, 1500U);
  EXPECT_EQ(facts.missed.size(), 1000U);
}

}  // namespace
}  // namespace holdfast::backup
