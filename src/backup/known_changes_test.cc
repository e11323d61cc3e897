// What a backup makes of what it is told: which pages the WAL names, which packs have decayed.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "backup/testing/copy_fixture.h"

namespace holdfast::backup {
namespace {

// The changes that the WAL names, and a cluster that differs in nothing else.
class KnownChanges : public CopyFixture {
 protected:
  void Know(pg::BlockChanges changes = {}) {
    known.emplace(std::move(changes), std::vector<catalog::BadPage>(), kBlocksPerSegment);
  }
  static pg::RelationFork Table(pg::Oid number) {
    return {.relation = {.tablespace = 1663, .database = 5, .number = number},
            .fork = pg::Fork::kMain};
  }
};

TEST_F(KnownChanges, ReadsNothingElse) {
  AddRelation("base/5/16384", 400, 1);
  AddRelation("base/5/16385", 40, 50000);
  const repo::Snapshot first = BackUp();
  pg::BlockChanges changes;
  changes.At(Table(16384)).blocks.Add(395);
  ChangePage("base/5/16384", 395, 90001);
  Know(changes);
  cluster.OnRead([&](std::string_view path, std::uint64_t offset) {
    EXPECT_TRUE(path != "base/5/16384" || offset == 395 * repo::kPageSize);
    EXPECT_NE(path, "base/5/16385");
  });
  const repo::Snapshot second = BackUp(first);
  EXPECT_EQ(counters->pages_stored, 1U);
  EXPECT_EQ(counters->pages, 440U);
  EXPECT_EQ(counters->bytes_source, 440 * repo::kPageSize + 3 + 8192);
  EXPECT_EQ(ReadBack(second), cluster.files());
}

TEST_F(KnownChanges, MakesWhatAWholeReadingMakes) {
  std::mt19937 random(20261127);
  AddRelation("base/5/16384", 8192 + 300, 1);
  AddRelation("base/5/16385", 50, 50000);
  repo::Snapshot last = BackUp();
  for (int round = 0; round < 4; ++round) {
    pg::BlockChanges changes;
    auto& file = cluster.files().at("base/5/16384");
    auto& table = changes.At(Table(16384));
    if (random() % 3 == 0) {  // cut, and possibly longer again than before
      const std::size_t kept = random() % (file.size() / repo::kPageSize);
      file.resize(kept * repo::kPageSize);
      table.RenewFrom(static_cast<pg::BlockNumber>(kept));
      AddRelation("base/5/16384", random() % 500, random());
    } else if (random() % 3 == 0) {
      AddRelation("base/5/16384", random() % 400, random());  // grown, unnamed
    }
    for (std::size_t n = random() % 40; n > 0 && !file.empty(); --n) {
      const std::size_t page = random() % (file.size() / repo::kPageSize);
      ChangePage("base/5/16384", page, random());
      table.blocks.Add(static_cast<pg::BlockNumber>(page));
    }
    Know(changes);
    last = BackUp(last);
    EXPECT_EQ(ReadBack(last), cluster.files()) << round;
  }
}

TEST_F(KnownChanges, ReadsAgainWhatTheRepositoryLost) {
  AddRelation("base/5/16384", 300, 1);
  const repo::Snapshot first = BackUp();
  std::vector<storage::ObjectInfo> packs = storage::ListAll(*faulty, repo::kPacksPrefix);
  const auto largest = std::ranges::max_element(packs, {}, &storage::ObjectInfo::size);
  ASSERT_EQ(faulty->Remove(largest->name), storage::RemoveOutcome::kRemoved);
  Know();
  const repo::Snapshot second = BackUp(first);
  EXPECT_GT(counters->pages_stored, 0U);
  EXPECT_FALSE(warnings.empty());
  EXPECT_EQ(ReadBack(second), cluster.files());
}

TEST_F(KnownChanges, ReadsFilesThatTheBackupBeforeDidNotHave) {
  const repo::Snapshot first = BackUp();
  AddRelation("base/5/16384", 10, 1);
  cluster.files()["base/5/16390"] = base::Bytes(3 * repo::kPageSize + 100, 4);
  Know();
  const repo::Snapshot second = BackUp(first);
  EXPECT_EQ(ReadBack(second), cluster.files());
  cluster.files()["base/5/16390"][3 * repo::kPageSize + 7] = 9;
  const repo::Snapshot third = BackUp(second);
  EXPECT_EQ(ReadBack(third), cluster.files());
  cluster.files()["base/5/16390"].resize(4 * repo::kPageSize, 5);
  EXPECT_EQ(ReadBack(BackUp(third)), cluster.files());
}

TEST_F(KnownChanges, AnAuditFindsWhatTheyMissAndStoresIt) {
  AddRelation("base/5/16384", 8192 + 300, 1);
  const repo::Snapshot first = BackUp();
  ChangePage("base/5/16384", 3, 90001);
  ChangePage("base/5/16384", 5, 90002);
  ChangePage("base/5/16384", 8192 + 7, 90003);
  std::ranges::fill(base::MutableByteView(cluster.files().at("base/5/16384"))
                        .subspan(11 * repo::kPageSize, repo::kPageSize),
                    0);
  pg::BlockChanges changes;
  changes.At(Table(16384)).blocks.Add(3);
  Know(changes);
  const base::Bytes page = SoundPage(90002);
  const pg::Lsn changed_at = pg::PageLsn(page);
  audit.emplace(pg::Lsn(changed_at.value() - 1), changed_at);
  const repo::Snapshot second = BackUp(first);
  const catalog::AuditFacts facts = audit->Take();
  EXPECT_EQ(facts.pages_missed, 3U);
  ASSERT_EQ(facts.missed.size(), 3U);
  EXPECT_EQ(facts.missed[0].block, 5U);
  EXPECT_EQ(facts.missed[1].block, 11U);
  EXPECT_EQ(facts.missed[2].block, 8192U + 7);
  EXPECT_EQ(ReadBack(second), cluster.files());
}

TEST_F(KnownChanges, ManySmallBackupsDoNotScatterTheirPages) {
  AddRelation("base/5/16384", 600, 1);
  AddRelation("base/5/16385", 600, 10000);
  cluster.files()["pg_xact/0000"] = base::Bytes(8192, 5);
  repo::Snapshot last = BackUp();
  std::uint64_t most = 0;
  std::uint64_t stored = 0;
  constexpr int kBackups = 150;
  for (int number = 0; number < kBackups; ++number) {
    const auto page = static_cast<pg::BlockNumber>(number);
    ChangePage("base/5/16384", page, 50000 + page);
    pg::BlockChanges changes;
    changes.At(Table(16384)).blocks.Add(page);
    Know(changes);
    decayed = ChooseDecayed(older_packs.thin, base::kMiB);
    last = BackUp(last);
    most = std::max(most, last.pack_count);
    stored += counters->pages_stored;
  }
  EXPECT_LT(most, 3 * kManySmall);
  EXPECT_LT(stored, kBackups * 10);
  EXPECT_EQ(ReadBack(last), cluster.files());
}

TEST_F(KnownChanges, StoresAgainWhatDecayedPacksHold) {
  AddRelation("base/5/16384", 300, 1);
  cluster.files()["pg_xact/0000"] = base::Bytes(8192, 5);
  const repo::Snapshot first = BackUp();
  Know();
  (void)BackUp(first);
  ASSERT_FALSE(older_packs.thin.empty());
  for (const catalog::PackUse& use : older_packs.thin) decayed.insert(use.pack);
  const repo::Snapshot third = BackUp(first);
  EXPECT_EQ(counters->pages_stored, 300U);
  EXPECT_EQ(ReadBack(third), cluster.files());
  EXPECT_TRUE(warnings.empty());
}

TEST_F(KnownChanges, LeavesOutAFileThatVanishes) {
  AddRelation("base/5/16384", 400, 1);
  const repo::Snapshot first = BackUp();
  pg::BlockChanges changes;
  changes.At(Table(16384)).blocks.Add(7);
  changes.At(Table(16384)).blocks.Add(300);
  Know(changes);
  cluster.OnRead([&](std::string_view path, std::uint64_t offset) {
    if (path == "base/5/16384" && offset > 7 * repo::kPageSize)
      cluster.files().erase("base/5/16384");
  });
  EXPECT_FALSE(ReadBack(BackUp(first)).contains("base/5/16384"));
}

}  // namespace
}  // namespace holdfast::backup
