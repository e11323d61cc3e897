#include "catalog/changed_pages.h"

#include <gtest/gtest.h>

namespace holdfast::catalog {
namespace {

constexpr std::uint32_t kBlocksPerSegment = 131072;
constexpr pg::RelationId kTable{.tablespace = 1663, .database = 5, .number = 16384};

pg::BlockSet Blocks(pg::BlockNumber first, std::uint64_t count) {
  pg::BlockSet set;
  set.AddRun(first, count);
  return set;
}

pg::RelationFile File(std::uint32_t segment = 0, pg::Fork fork = pg::Fork::kMain) {
  return {.relation = kTable, .fork = fork, .segment = segment};
}

TEST(ChangedPages, AreThoseThatTheWalNamesAndThoseThatAreNew) {
  pg::BlockChanges changes;
  changes.At({kTable, pg::Fork::kMain}).blocks.AddRun(98, 4);
  const ChangedPages pages(changes, {}, kBlocksPerSegment);
  EXPECT_EQ(pages.ToRead("base/5/16384", File(), 0, 100, 100), Blocks(98, 2));
  EXPECT_EQ(pages.ToRead("base/5/16384", File(), 100, 50, 50), Blocks(0, 2));
  pg::BlockSet grown = Blocks(98, 2);
  grown.AddRun(90, 10);
  EXPECT_EQ(pages.ToRead("base/5/16384", File(), 0, 100, 90), grown);
  EXPECT_TRUE(pages.ToRead("base/5/16384", File(), 0, 50, 100).empty());
  // A relation that no record names.
  const pg::RelationFile other{.relation = {.tablespace = 1663, .database = 5, .number = 1}};
  EXPECT_TRUE(pages.ToRead("base/5/1", other, 0, 100, 100).empty());
}

TEST(ChangedPages, AreCountedOverAllSegmentsOfAFork) {
  pg::BlockChanges changes;
  changes.At({kTable, pg::Fork::kMain}).blocks.Add(2 * kBlocksPerSegment + 8192 + 3);
  const ChangedPages pages(changes, {}, kBlocksPerSegment);
  EXPECT_EQ(pages.ToRead("base/5/16384.2", File(2), 8192, 8192, 8192), Blocks(3, 1));
  EXPECT_TRUE(pages.ToRead("base/5/16384.1", File(1), 8192, 8192, 8192).empty());
}

TEST(ChangedPages, AreAllBehindTheLeastLength) {
  pg::BlockChanges changes;
  changes.At({kTable, pg::Fork::kMain}).RenewFrom(kBlocksPerSegment + 10);
  const ChangedPages pages(changes, {}, kBlocksPerSegment);
  EXPECT_TRUE(pages.ToRead("base/5/16384", File(0), 0, 100, 100).empty());
  EXPECT_EQ(pages.ToRead("base/5/16384.1", File(1), 0, 100, 100), Blocks(10, 90));
  EXPECT_EQ(pages.ToRead("base/5/16384.2", File(2), 0, 100, 100), Blocks(0, 100));
}

TEST(ChangedPages, AreAllOfTheForksThatChangeUnnamed) {
  const ChangedPages pages({}, {}, kBlocksPerSegment);
  for (const pg::Fork fork : {pg::Fork::kFsm, pg::Fork::kVm, pg::Fork::kInit}) {
    EXPECT_EQ(pages.ToRead("base/5/16384_x", File(0, fork), 0, 7, 7), Blocks(0, 7));
  }
}

TEST(ChangedPages, AreAllOfADatabaseThatWasMadeAnew) {
  pg::BlockChanges changes;
  changes.RenewDatabase({.tablespace = 1663, .database = 6});
  EXPECT_TRUE(
      ChangedPages(changes, {}, kBlocksPerSegment).ToRead("base/5/16384", File(), 0, 7, 7).empty());
  changes.RenewDatabase({.tablespace = 1663, .database = 5});
  EXPECT_EQ(ChangedPages(changes, {}, kBlocksPerSegment).ToRead("base/5/16384", File(), 0, 7, 7),
            Blocks(0, 7));
}

TEST(ChangedPages, AreThoseThatTheEarlierBackupFoundDamaged) {
  const std::vector<BadPage> bad = {{.path = "base/5/16384", .block = 3},
                                    {.path = "base/5/16384", .block = 8200},
                                    {.path = "base/5/16385", .block = 4}};
  const ChangedPages pages({}, bad, kBlocksPerSegment);
  EXPECT_EQ(pages.ToRead("base/5/16384", File(), 0, 8192, 8192), Blocks(3, 1));
  EXPECT_EQ(pages.ToRead("base/5/16384", File(), 8192, 100, 100), Blocks(8, 1));
}

}  // namespace
}  // namespace holdfast::catalog
