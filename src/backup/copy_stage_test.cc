#include "backup/copy_stage.h"

#include <gtest/gtest.h>

#include <random>

#include "backup/testing/copy_fixture.h"
#include "base/error.h"

namespace holdfast::backup {
namespace {

class CopyStage : public CopyFixture {};

TEST_F(CopyStage, KeepsEveryFileAsItWas) {
  AddRelation("base/5/16384", 100, 1);
  AddRelation("base/5/16385", 1, 500);
  AddRelation("base/5/16385_vm", 3, 600);
  cluster.files()["base/5/16390"] = {};
  cluster.files()["pg_xact/0000"] = base::Bytes(8192, 5);
  cluster.files()["postgresql.conf"] = base::ToBytes("port = 5432\n");
  cluster.files()["log/large"] = base::Bytes(3 * base::kMiB + 17, 9);
  const repo::Snapshot snapshot = BackUp();
  EXPECT_EQ(ReadBack(snapshot), cluster.files());
  EXPECT_EQ(counters->pages, 104U);
  EXPECT_EQ(counters->files, cluster.files().size());
}

TEST_F(CopyStage, StoresOnlyThePagesThatChanged) {
  AddRelation("base/5/16384", 1000, 1);
  AddRelation("base/5/16385", 40, 5000);
  const repo::Snapshot first = BackUp();
  ChangePage("base/5/16384", 3, 9001);
  ChangePage("base/5/16384", 999, 9002);
  ChangePage("base/5/16385", 0, 9003);
  const repo::Snapshot second = BackUp(first);
  EXPECT_EQ(counters->pages_stored, 3U);
  EXPECT_EQ(ReadBack(second), cluster.files());
}

TEST_F(CopyStage, StoresNothingOfAClusterThatDidNotChange) {
  AddRelation("base/5/16384", 300, 1);
  cluster.files()["pg_xact/0000"] = base::Bytes(8192, 5);
  cluster.files()["log/large"] = base::Bytes(3 * base::kMiB + 17, 9);
  const repo::Snapshot first = BackUp();
  const repo::Snapshot second = BackUp(first);
  EXPECT_EQ(counters->pages_stored, 0U);
  EXPECT_EQ(ReadBack(second), cluster.files());
  // Every pack of the first, and one more for the new tree.
  EXPECT_EQ(second.pack_count, first.pack_count + 1);
}

TEST_F(CopyStage, TakesOverTheTreeWhereNothingChanged) {
  for (int i = 0; i < 3000; ++i) {
    cluster.files()["conf/" + std::to_string(i)] = base::ToBytes("value " + std::to_string(i * i));
  }
  const repo::Snapshot first = BackUp();
  const auto size_of_packs = [&] {
    std::uint64_t size = 0;
    for (const auto& object : storage::ListAll(*faulty, repo::kPacksPrefix)) size += object.size;
    return size;
  };
  const std::uint64_t of_first = size_of_packs();
  cluster.files()["conf/77"] = base::ToBytes("another value");
  const repo::Snapshot second = BackUp(first);
  EXPECT_LT((size_of_packs() - of_first) * 4, of_first);
  EXPECT_EQ(ReadBack(second), cluster.files());
  EXPECT_EQ(ReadBack(BackUp(second)), cluster.files());
}

TEST_F(CopyStage, KeepsZeroPagesWithoutStoringThem) {
  cluster.files()["base/5/16384"] = base::Bytes(std::size_t{20000} * repo::kPageSize);
  ChangePage("base/5/16384", 12345, 1);
  const repo::Snapshot snapshot = BackUp();
  EXPECT_EQ(counters->pages_stored, 1U);
  EXPECT_EQ(ReadBack(snapshot), cluster.files());
}

TEST_F(CopyStage, KeepsARelationFileOfAnOddSize) {
  AddRelation("base/5/16384", 5, 1);
  cluster.files()["base/5/16384"].resize(4 * repo::kPageSize + 100);
  EXPECT_EQ(ReadBack(BackUp()), cluster.files());
}

TEST_F(CopyStage, LeavesOutAFileThatVanishesWhileItIsRead) {
  AddRelation("base/5/16384", 400, 1);
  AddRelation("base/5/16385", 4, 1000);
  cluster.OnRead([&](std::string_view path, std::uint64_t offset) {
    if (path == "base/5/16384" && offset > 0) cluster.files().erase("base/5/16384");
  });
  const Files kept = ReadBack(BackUp());
  EXPECT_FALSE(kept.contains("base/5/16384"));
  EXPECT_TRUE(kept.contains("base/5/16385"));
}

TEST_F(CopyStage, RefusesAClusterThatLosesAFileItCannotLiveWithout) {
  cluster.OnRead([&](std::string_view path, std::uint64_t) {
    if (path == "PG_VERSION") cluster.files().erase("PG_VERSION");
  });
  EXPECT_THROW(BackUp(), base::Error);
  EXPECT_TRUE(repo::ListBackups(*repository).empty());
}

TEST_F(CopyStage, KeepsWhatIsLeftOfAFileThatShrinks) {
  AddRelation("base/5/16384", 400, 1);
  cluster.OnRead([&](std::string_view path, std::uint64_t offset) {
    if (path == "base/5/16384" && offset > 0)
      cluster.files().at("base/5/16384").resize(200 * repo::kPageSize);
  });
  const repo::Snapshot snapshot = BackUp();
  EXPECT_EQ(ReadBack(snapshot).at("base/5/16384"), cluster.files().at("base/5/16384"));
}

TEST_F(CopyStage, FillsAHoleWithZerosWhenAnEarlierPartOfAFileShrinks) {
  // Two maps' worth; the file ends inside the first one when that is read, and is long again for
  // the second.
  AddRelation("base/5/16384", 8192 + 10, 1);
  const base::Bytes whole = cluster.files().at("base/5/16384");
  cluster.OnRead([&](std::string_view path, std::uint64_t offset) {
    if (path != "base/5/16384") return;
    base::Bytes& file = cluster.files().at("base/5/16384");
    file.assign(whole.begin(),
                offset < kPartBytes ? whole.begin() + 100 * repo::kPageSize : whole.end());
  });
  const base::Bytes kept = ReadBack(BackUp()).at("base/5/16384");
  ASSERT_EQ(kept.size(), whole.size());
  EXPECT_TRUE(std::equal(kept.begin(), kept.begin() + 100 * repo::kPageSize, whole.begin()));
  EXPECT_TRUE(base::AllZero(
      base::ByteView(kept).subspan(100 * repo::kPageSize, kPartBytes - 100 * repo::kPageSize)));
  EXPECT_TRUE(std::equal(kept.begin() + kPartBytes, kept.end(), whole.begin() + kPartBytes));
}

TEST_F(CopyStage, StoresAgainWhatTheRepositoryLost) {
  AddRelation("base/5/16384", 300, 1);
  const repo::Snapshot first = BackUp();
  std::vector<storage::ObjectInfo> packs = storage::ListAll(*faulty, repo::kPacksPrefix);
  // The largest pack holds the pages.
  const auto largest = std::ranges::max_element(packs, {}, &storage::ObjectInfo::size);
  ASSERT_EQ(faulty->Remove(largest->name), storage::RemoveOutcome::kRemoved);
  const repo::Snapshot second = BackUp(first);
  EXPECT_GT(counters->pages_stored, 0U);
  EXPECT_EQ(ReadBack(second), cluster.files());
}

TEST_F(CopyStage, GivesEveryBackupOfALongHistoryBackAsItWas) {
  std::mt19937_64 random(20261121);
  std::vector<std::pair<repo::Snapshot, Files>> history;
  AddRelation("base/5/16384", 200, 1);
  for (int round = 0; round < 4; ++round) {
    const std::string path = "base/5/" + std::to_string(16384 + random() % 5);
    switch (random() % 4) {
      case 0:
        AddRelation(path, random() % 50, random());
        break;
      case 1:
        if (cluster.files().contains(path))
          cluster.files()[path].resize(cluster.files()[path].size() / 2 / repo::kPageSize *
                                       repo::kPageSize);
        break;
      case 2:
        cluster.files().erase(path);
        break;
      default:
        break;
    }
    for (auto& [name, contents] : cluster.files()) {
      if (!name.starts_with("base/") || contents.empty()) continue;
      for (int i = 0; i < 3; ++i)
        ChangePage(name, random() % (contents.size() / repo::kPageSize), random());
    }
    cluster.files()["pg_xact/0000"] = base::Bytes(8192, static_cast<std::uint8_t>(random()));
    const auto parent = history.empty() ? std::optional<repo::Snapshot>() : history.back().first;
    history.emplace_back(BackUp(parent), cluster.files());
  }
  for (const auto& [snapshot, files] : history)
    EXPECT_EQ(ReadBack(snapshot), files) << snapshot.id.ToString();
}

TEST_F(CopyStage, PublishesNothingWhenItCrashesAtAnyRequest) {
  AddRelation("base/5/16384", 120, 1);
  const repo::Snapshot first = BackUp();
  const Files before = cluster.files();
  ChangePage("base/5/16384", 5, 777);
  const std::uint64_t begin = faulty->call_count();
  BackUp(first);
  const std::uint64_t calls = faulty->call_count() - begin;
  ASSERT_GT(calls, 5U);
  for (std::uint64_t call = 0; call < calls; ++call) {
    for (const auto kind :
         {storage::FaultKind::kCrashNotApplied, storage::FaultKind::kCrashApplied}) {
      ChangePage("base/5/16384", 6, 1000 + call);
      const Files now = cluster.files();
      faulty->Inject({.kind = kind, .call = call});
      try {
        BackUp(first);
      } catch (...) {
        // SimulatedCrash, or what a worker made of it.
      }
      faulty->Recover();
      for (const repo::BackupId& id : repo::ListBackups(*repository)) {
        const repo::Snapshot listed = repo::ReadSnapshot(*repository, id);
        if (listed.id == first.id) {
          EXPECT_EQ(ReadBack(listed), before);
        } else {
          ReadBack(listed);  // throws if anything is missing
        }
      }
      EXPECT_EQ(ReadBack(BackUp(first)), now);
    }
  }
}

}  // namespace
}  // namespace holdfast::backup
