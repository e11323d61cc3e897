#include "pg/block_changes.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "pg/testing/test_data.h"
#include "pg/wal_reader.h"

namespace holdfast::pg {
namespace {

const MajorVersion k13 = MajorVersion::FromNumber(13);
const MajorVersion k14 = MajorVersion::FromNumber(14);
const MajorVersion k15 = MajorVersion::FromNumber(15);
const MajorVersion k17 = MajorVersion::FromNumber(17);

constexpr RelationId kTable{.tablespace = 1663, .database = 5, .number = 16384};
constexpr RelationId kOther{.tablespace = 1663, .database = 5, .number = 16390};

void Put(base::ByteWriter& out, const RelationId& relation) {
  out.U32(relation.tablespace);
  out.U32(relation.database);
  out.U32(relation.number);
}

// What a record with this data alone changes.
BlockChanges Of(ResourceManager manager, std::uint8_t info, base::ByteView data,
                MajorVersion version = k15) {
  WalRecord record;
  record.header.resource_manager = manager;
  record.header.info = info;
  record.main_data = data;
  BlockChanges changes;
  changes.Note(record, version);
  return changes;
}

WalRecord Touching(const RelationId& relation, Fork fork, BlockNumber block) {
  WalRecord record;
  record.header.resource_manager = ResourceManager::kHeap;
  BlockReference& reference = record.blocks.emplace_back();
  reference.relation = relation;
  reference.fork = fork;
  reference.block = block;
  return record;
}

TEST(BlockChanges, HoldTheBlocksThatRecordsName) {
  BlockChanges changes;
  changes.Note(Touching(kTable, Fork::kMain, 7), k15);
  changes.Note(Touching(kTable, Fork::kMain, 4'000'000'000), k15);
  changes.Note(Touching(kTable, Fork::kVm, 0), k15);
  const ForkChanges* heap = changes.Find({kTable, Fork::kMain});
  ASSERT_NE(heap, nullptr);
  EXPECT_EQ(heap->blocks.size(), 2U);
  EXPECT_TRUE(heap->blocks.Contains(4'000'000'000));
  EXPECT_FALSE(heap->renewed_from);
  EXPECT_NE(changes.Find({kTable, Fork::kVm}), nullptr);
  EXPECT_EQ(changes.Find({kOther, Fork::kMain}), nullptr);
  EXPECT_TRUE(changes.doubts().empty());
}

TEST(BlockChanges, ARelationThatIsMadeIsNew) {
  base::ByteWriter data;
  Put(data, kTable);
  data.U32(3);  // the init fork
  const BlockChanges changes = Of(ResourceManager::kStorage, 0x10 | 0x01, data.view());
  EXPECT_EQ(changes.Find({kTable, Fork::kInit})->renewed_from, 0U);
  EXPECT_EQ(changes.Find({kTable, Fork::kMain}), nullptr);
  EXPECT_TRUE(changes.doubts().empty());
}

base::Bytes Truncation(BlockNumber block, std::uint32_t flags) {
  base::ByteWriter data;
  data.U32(block);
  Put(data, kTable);
  data.U32(flags);
  return data.Take();
}

TEST(BlockChanges, WhatWasCutOffIsNewWhenItGrowsAgain) {
  BlockChanges changes = Of(ResourceManager::kStorage, 0x20 | 0x01, Truncation(90, 7));
  changes.Unite(Of(ResourceManager::kStorage, 0x20 | 0x01, Truncation(40, 7)));
  changes.Unite(Of(ResourceManager::kStorage, 0x20 | 0x01, Truncation(60, 7)));
  EXPECT_EQ(changes.Find({kTable, Fork::kMain})->renewed_from, 40U);
  // The length is the heap's, not the map's.
  EXPECT_EQ(changes.Find({kTable, Fork::kVm}), nullptr);
  EXPECT_EQ(Of(ResourceManager::kStorage, 0x20 | 0x01, Truncation(40, 2)), BlockChanges());
}

TEST(BlockChanges, RelationsThatATransactionDroppedAreNewIfTheyComeAgain) {
  base::ByteWriter data;
  data.U64(0);
  data.U32(1 | 2 | 4);
  data.U32(5);  // database and its tablespace
  data.U32(1663);
  data.U32(2);  // subtransactions
  data.U32(800);
  data.U32(801);
  data.U32(2);
  Put(data, kTable);
  Put(data, kOther);
  for (const int kind : {0x00, 0x20, 0x30, 0x40}) {
    const auto info = static_cast<std::uint8_t>(kind | 0x80 | 0x01);
    const BlockChanges changes = Of(ResourceManager::kTransaction, info, data.view());
    for (const Fork fork : {Fork::kMain, Fork::kFsm, Fork::kVm, Fork::kInit}) {
      EXPECT_EQ(changes.Find({kTable, fork})->renewed_from, 0U);
      EXPECT_EQ(changes.Find({kOther, fork})->renewed_from, 0U);
    }
    EXPECT_TRUE(changes.doubts().empty());
    for (std::size_t cut = 0; cut < data.size(); ++cut) {
      EXPECT_THROW(Of(ResourceManager::kTransaction, info, data.view().first(cut)), base::Error);
    }
  }
  // Nothing follows the time where the flag is not set.
  EXPECT_EQ(Of(ResourceManager::kTransaction, 0x00, data.view()), BlockChanges());
}

base::Bytes Words(std::initializer_list<std::uint32_t> words) {
  base::ByteWriter data;
  for (const std::uint32_t word : words) data.U32(word);
  return data.Take();
}

TEST(BlockChanges, DatabasesAreNewWhenMadeInEitherWay) {
  const DatabaseId made{.tablespace = 1663, .database = 100};
  // Database, tablespace, and where it was copied from.
  const base::Bytes copied = Words({100, 1663, 1, 1663});
  EXPECT_TRUE(Of(ResourceManager::kDatabase, 0x01, copied, k13).IsRenewed(made));
  EXPECT_TRUE(Of(ResourceManager::kDatabase, 0x01, copied, k17).IsRenewed(made));
  EXPECT_TRUE(Of(ResourceManager::kDatabase, 0x10, Words({100, 1663}), k15).IsRenewed(made));
  EXPECT_FALSE(Of(ResourceManager::kDatabase, 0x01, copied, k17).IsRenewed({1663, 1}));
}

TEST(BlockChanges, DroppingADatabaseChangedItsNumberAt15) {
  const base::Bytes dropped = Words({100, 2, 1663, 20000});
  for (const auto& changes : {Of(ResourceManager::kDatabase, 0x10 | 0x01, dropped, k14),
                              Of(ResourceManager::kDatabase, 0x20 | 0x01, dropped, k15)}) {
    EXPECT_TRUE(changes.IsRenewed({.tablespace = 1663, .database = 100}));
    EXPECT_TRUE(changes.IsRenewed({.tablespace = 20000, .database = 100}));
    EXPECT_FALSE(changes.IsRenewed({.tablespace = 1663, .database = 2}));
    EXPECT_TRUE(changes.doubts().empty());
  }
  EXPECT_TRUE(Of(ResourceManager::kDatabase, 0x20 | 0x01, dropped, k14)
                  .doubts()
                  .contains(ChangeDoubt::kUnknownRecord));
}

TEST(BlockChanges, AllThatLiesInANewTablespaceIsNew) {
  const BlockChanges made = Of(ResourceManager::kTablespace, 0x00, Words({20000, 0x2F}));
  EXPECT_TRUE(made.IsRenewed({.tablespace = 20000, .database = 5}));
  EXPECT_FALSE(made.IsRenewed({.tablespace = 1663, .database = 5}));
}

TEST(BlockChanges, MinimalWalIsSeenWhereverItIsSaid) {
  base::ByteWriter change;
  for (int i = 0; i < 5; ++i) change.U32(100);
  change.U32(0);
  change.U8(1);
  change.U8(0);
  const BlockChanges changes = Of(ResourceManager::kXlog, 0x60, change.view());
  EXPECT_TRUE(changes.doubts().contains(ChangeDoubt::kMinimalWal));
  EXPECT_FALSE(changes.hints_unlogged());
  EXPECT_TRUE(Of(ResourceManager::kXlog, 0xE0, Words({0}), k17)
                  .doubts()
                  .contains(ChangeDoubt::kMinimalWal));
  EXPECT_TRUE(Of(ResourceManager::kXlog, 0xE0, Words({1}), k17).doubts().empty());
}

TEST(BlockChanges, WhatIsNotKnownIsDoubted) {
  const auto doubts = [](ResourceManager manager, std::uint8_t info) {
    return Of(manager, info, Words({1, 2, 3, 4})).doubts();
  };
  const std::set unknown = {ChangeDoubt::kUnknownRecord};
  EXPECT_EQ(doubts(ResourceManager::kHeap, 0x01), unknown);
  EXPECT_EQ(doubts(ResourceManager::kStorage, 0x30 | 0x01), unknown);
  EXPECT_EQ(doubts(ResourceManager::kXlog, 0x40 | 0x01), unknown);
  EXPECT_EQ(doubts(ResourceManager::kTransaction, 0x50 | 0x01), unknown);
  EXPECT_TRUE(doubts(ResourceManager::kHeap, 0x00).empty());
  const std::set extension = {ChangeDoubt::kExtensionRecord};
  EXPECT_EQ(doubts(static_cast<ResourceManager>(130), 0x00), extension);
}

TEST(BlockChanges, AreTheSameInAnyOrder) {
  BlockChanges first;
  first.Note(Touching(kTable, Fork::kMain, 3), k15);
  first.RenewDatabase({.tablespace = 1663, .database = 9});
  first.set_hints_unlogged();
  BlockChanges second = Of(ResourceManager::kStorage, 0x20 | 0x01, Truncation(2, 1));
  second.Note(Touching(kTable, Fork::kMain, 4), k15);
  second.Doubt(ChangeDoubt::kMinimalWal);
  second.set_pages_unprotected();
  BlockChanges forth = first;
  forth.Unite(second);
  BlockChanges back = second;
  back.Unite(first);
  EXPECT_EQ(forth, back);
  EXPECT_EQ(forth.Find({kTable, Fork::kMain})->blocks.size(), 2U);
  EXPECT_TRUE(forth.hints_unlogged() && forth.pages_unprotected());
}

TEST(BlockSet, CutsRunsAtTheEndsAskedFor) {
  BlockSet set;
  set.AddRun(10, 5);
  set.Add(20);
  set.AddRun(0xFFFFFFFE, 2);
  std::vector<std::pair<BlockNumber, std::uint64_t>> runs;
  const auto visit = [&](BlockNumber first, std::uint64_t count) {
    runs.emplace_back(first, count);
  };
  set.ForEachRun(12, 21, visit);
  EXPECT_EQ(runs, (decltype(runs){{12, 3}, {20, 1}}));
  runs.clear();
  set.ForEachRun(0, std::uint64_t{1} << 32, visit);
  EXPECT_EQ(runs, (decltype(runs){{10, 5}, {20, 1}, {0xFFFFFFFE, 2}}));
  EXPECT_EQ(set.CountIn(12, 21), 4U);
  EXPECT_EQ(set.CountIn(0, std::uint64_t{1} << 32), 8U);
  EXPECT_EQ(set.CountIn(30, 30), 0U);
}

}  // namespace
}  // namespace holdfast::pg
