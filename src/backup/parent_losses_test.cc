#include "backup/parent_losses.h"

#include <gtest/gtest.h>

#include <map>

#include "backup/testing/copy_fixture.h"
#include "base/error.h"
#include "repo/damage_mark.h"

namespace holdfast::backup {
namespace {

// Content of every shape: maps in records and in frames of their own, small files, and lists of
// extents; spread over packs of several backups.
class DamagedParent : public CopyFixture {
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

}  // namespace
}  // namespace holdfast::backup
