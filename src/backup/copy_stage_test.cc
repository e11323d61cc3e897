#include "backup/copy_stage.h"

#include <gtest/gtest.h>

#include <random>

#include "backup/testing/memory_cluster.h"
#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "repo/damage_mark.h"
#include "repo/snapshot.h"
#include "storage/memory_storage.h"
#include "storage/testing/faulty_storage.h"

namespace holdfast::backup {
namespace {

constexpr std::uint32_t kBlocksPerSegment = 131072;

class CopyStage : public ::testing::Test {
 protected:
  CopyStage() {
    cluster.files()["PG_VERSION"] = base::ToBytes("15\n");
    cluster.files()["global/pg_control"] = base::Bytes(8192, 7);
    repository.emplace(repo::Repository::Create(
        faulty, clock, repo::KeyFile{codec::Key256::Random()}, {.password_cost = {}}));
  }

  void AddRelation(const std::string& path, std::size_t pages, std::uint64_t seed) {
    base::Bytes& file = cluster.files()[path];
    for (std::size_t i = 0; i < pages; ++i) {
      const base::Bytes page = SoundPage(seed + i);
      file.insert(file.end(), page.begin(), page.end());
    }
  }

  void ChangePage(const std::string& path, std::size_t page, std::uint64_t seed) {
    const base::Bytes changed = SoundPage(seed);
    std::ranges::copy(changed, cluster.files().at(path).begin() +
                                   static_cast<std::ptrdiff_t>(page * repo::kPageSize));
  }

  repo::Snapshot BackUp(const std::optional<repo::Snapshot>& parent = {}) {
    clock.Advance(std::chrono::minutes(1));
    repo::WriterOptions options{
        .id = repo::BackupId::New("shop", clock.Now()), .parent = {}, .log_start = {}};
    options.pack_size = 256 * base::kKiB;
    if (parent) options.parent = parent->id;
    repo::Writer writer(*repository, options);
    repo::FrameReader parent_frames(*repository);
    PageJudge judge(pg::Lsn(100), pg::PageChecksums::kOff);
    ParentLosses losses;
    OlderPacks older(decayed);
    CopyContext context{.cluster = cluster,
                        .writer = writer,
                        .parent_frames = parent_frames,
                        .losses = losses,
                        .older_packs = older,
                        .keyring = repository->keyring(),
                        .judge = judge,
                        .clock = clock,
                        .report = report,
                        .counters = counters.emplace(),
                        .blocks_per_segment = kBlocksPerSegment,
                        .changed_pages = known ? &*known : nullptr,
                        .audit = audit ? &*audit : nullptr};
    CopyStageOptions stage{
        .jobs = 2, .tablespace_version_directory = "PG_15_202209061", .parent_tree = {}};
    if (parent) stage.parent_tree = parent->facts.tree;
    repo::SnapshotDraft draft;
    draft.kind = "cluster";
    draft.tree = CopyCluster(
        context, cluster.List(), stage, [&] { return cluster.files().at("global/pg_control"); },
        std::stop_token());
    warnings = losses.Warnings();
    older_packs = older.Facts();
    return writer.Commit(draft);
  }

  Files ReadBack(const repo::Snapshot& snapshot) {
    repo::FrameReader frames(*repository);
    repo::TreeReader tree(frames, snapshot.facts.tree);
    Files files;
    while (const auto entry = tree.Next()) {
      if (entry->type == repo::FileType::kRegular) files[entry->path] = Contents(frames, *entry);
    }
    return files;
  }

  static base::Bytes Contents(repo::FrameReader& frames, const repo::TreeEntry& entry) {
    const auto* paged = std::get_if<repo::PagedContent>(&entry.content);
    if (paged == nullptr) return frames.Content(entry);
    base::Bytes contents;
    for (const auto& part : paged->parts) {
      const repo::PageMap map = frames.Map(part);
      for (std::uint32_t page = 0; page < map.page_count; ++page) {
        const repo::PagePlace place = map.Find(page);
        contents.resize(contents.size() + repo::kPageSize);
        if (place.zero) continue;
        const auto frame = frames.Read(place.frame);
        std::ranges::copy(base::ByteView(*frame).subspan(std::size_t{place.index} * repo::kPageSize,
                                                         repo::kPageSize),
                          contents.end() - repo::kPageSize);
      }
    }
    contents.resize(entry.size);
    return contents;
  }

  base::ManualClock clock;
  base::NullReporter report;
  std::shared_ptr<storage::FaultyStorage> faulty =
      std::make_shared<storage::FaultyStorage>(std::make_shared<storage::MemoryStorage>(clock));
  std::optional<repo::Repository> repository;
  MemoryCluster cluster;
  std::optional<CopyCounters> counters;
  std::vector<std::string> warnings;  // of the last backup
  std::set<repo::ShortPackId> decayed;
  catalog::OlderPacksFacts older_packs;  // of the last backup
  std::optional<Audit> audit;
  std::optional<ChangedPages> known;  // what the WAL says; empty: nothing is known
};

// The changes that the WAL names, and a cluster that differs in nothing else.
class KnownChanges : public CopyStage {
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

// Content of every shape: maps in records and in frames of their own, small files, and lists of
// extents; spread over packs of several backups.
class DamagedParent : public CopyStage {
 protected:
  DamagedParent() {
    cluster.files()["base/5/16384"] = base::Bytes(std::size_t{2000} * repo::kPageSize);
    for (std::size_t page = 0; page < 2000; page += 7) ChangePage("base/5/16384", page, page);
    AddRelation("base/5/16385", 40, 5000);
    cluster.files()["log/large"] = base::Bytes(3 * base::kMiB + 17, 9);
    for (int i = 0; i < 900; ++i) {
      cluster.files()["conf/" + std::to_string(i)] = base::Bytes(600, static_cast<std::uint8_t>(i));
    }
    const repo::Snapshot first = BackUp();
    ChangePage("base/5/16384", 14, 9001);
    ChangePage("base/5/16385", 3, 9002);
    cluster.files()["conf/5"] = base::Bytes(700, 3);
    parent = BackUp(first);
    EXPECT_TRUE(warnings.empty());
    for (const auto& object : storage::ListAll(*faulty, repo::kPacksPrefix)) {
      packs[object.name] = *faulty->Get(object.name);
    }
  }

  void Replace(const std::string& object, base::ByteView contents) {
    (void)faulty->Remove(object);
    (void)faulty->Put(object, contents);
  }

  bool IsMetadata(const base::Bytes& pack) { return pack[10] == 2; }

  // The next backup is whole and says what it met; the one after it builds on a whole one.
  void ExpectHealed(const std::string& object) {
    const std::string name = object.substr(object.rfind('/') + 1);
    const repo::Snapshot healed = BackUp(parent);
    ASSERT_EQ(warnings.size(), 1U) << object;
    EXPECT_TRUE(warnings[0].find(name) != std::string::npos) << warnings[0];
    EXPECT_EQ(ReadBack(healed), cluster.files()) << object;
    const repo::Snapshot next = BackUp(healed);
    EXPECT_TRUE(warnings.empty()) << warnings[0];
    EXPECT_EQ(counters->pages_stored, 0U);
    EXPECT_EQ(ReadBack(next), cluster.files()) << object;
  }

  std::optional<repo::Snapshot> parent;
  std::map<std::string, base::Bytes> packs;
};

TEST_F(DamagedParent, IsStoredAgainWhereAnyPackOfItIsMissing) {
  ASSERT_GE(packs.size(), 7U);
  for (const auto& [object, contents] : packs) {
    (void)faulty->Remove(object);
    ExpectHealed(object);
    Replace(object, contents);
  }
}

TEST_F(DamagedParent, IsStoredAgainWhereAnyPackOfItIsAnother) {
  const base::Bytes& other = packs.begin()->second;
  for (const auto& [object, contents] : packs) {
    if (object == packs.begin()->first) continue;
    Replace(object, other);
    ExpectHealed(object);
    Replace(object, contents);
  }
}

TEST_F(DamagedParent, IsStoredAgainWhereItsMetadataIsAltered) {
  for (const auto& [object, contents] : packs) {
    if (!IsMetadata(contents)) continue;
    for (std::size_t byte = 5; byte < contents.size(); byte += contents.size() / 7) {
      base::Bytes altered = contents;
      altered[byte] ^= 0x40;
      Replace(object, altered);
      const repo::Snapshot healed = BackUp(parent);
      EXPECT_LE(warnings.size(), 1U);
      EXPECT_EQ(ReadBack(healed), cluster.files()) << object << " byte " << byte;
    }
    Replace(object, contents);
  }
}

TEST_F(DamagedParent, IsStoredAgainAsAWholeWhenAllOfItIsLost) {
  for (const auto& [object, contents] : packs) (void)faulty->Remove(object);
  EXPECT_EQ(ReadBack(BackUp(parent)), cluster.files());
  EXPECT_FALSE(warnings.empty());
}

TEST_F(DamagedParent, IsStoredAgainWhereAVerificationFoundItDamaged) {
  for (const auto& [object, contents] : packs) {
    // In the frames: nothing but reading all of it finds that.
    base::Bytes altered = contents;
    altered[repo::kPackHeaderSize + 3] ^= 1;
    Replace(object, altered);
    const repo::PackId id = repo::PackId::FromHex(object.substr(object.rfind('/') + 1));
    repo::MarkDamaged(*faulty, repo::ShortPackId::Of(id));
    ExpectHealed(object);
    Replace(object, contents);
    (void)faulty->Remove(repo::DamageMarkObject(repo::ShortPackId::Of(id)));
  }
}

// Neither lost nor damaged as far as anyone knows: no reason to store it again.
TEST_F(DamagedParent, FailsABackupWhenItCannotBeReached) {
  const std::size_t backups = repo::ListBackups(*repository).size();
  for (const storage::Verb verb : {storage::Verb::kGetRange, storage::Verb::kStat}) {
    for (const std::uint64_t call : {0, 1, 5}) {
      faulty->Inject({.verb = verb, .prefix = std::string(repo::kPacksPrefix), .call = call});
      try {
        BackUp(parent);
        ADD_FAILURE() << "it went on";
      } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::kUnavailable);
      }
      faulty->ClearFaults();
    }
  }
  EXPECT_EQ(repo::ListBackups(*repository).size(), backups);
}

TEST(ParentLosses, TellsOfEachPackOnceAndOfVeryManyTheirNumber) {
  ParentLosses losses;
  repo::PackId pack;
  for (int round = 0; round < 2; ++round) {
    for (pack.bytes[0] = 1; pack.bytes[0] <= 30; ++pack.bytes[0]) {
      losses.Add(pack, "complaint " + std::to_string(round));
    }
  }
  const std::vector<std::string> warnings = losses.Warnings();
  ASSERT_EQ(warnings.size(), 21U);
  EXPECT_TRUE(warnings.front().starts_with("complaint 0"));
  EXPECT_TRUE(warnings.back().starts_with("10 more"));
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
