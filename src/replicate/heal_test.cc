#include "replicate/heal.h"

#include <gmock/gmock.h>

#include <string_view>
#include <tuple>

#include "base/error.h"
#include "replicate/testing/two_repositories.h"
#include "repo/damage_mark.h"
#include "repo/pin.h"

namespace holdfast::replicate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// `to` has lost something that `from` has.
class HealTest : public TwoRepositories {
 protected:
  HealResult Heal(const std::vector<repo::BackupId>& backups, bool dry_run = false) {
    HealRequest request{.source = "shop", .backups = backups};
    request.options.jobs = 1;
    request.options.dry_run = dry_run;
    return Heal(request);
  }
  HealResult Heal(const HealRequest& request) {
    HealResult result;
    HealBackups(from.repository(), to.repository(), request, result, report, {});
    return result;
  }

  void BothHave(int backups) {
    for (int number = 1; number <= backups; ++number) BackUp(number);
    (void)Copy();
  }

  static repo::ShortPackId ShortIdOf(const std::string& object) {
    return repo::ShortPackId::Of(repo::PackId::FromHex(object.substr(object.rfind('/') + 1)));
  }
};

TEST_F(HealTest, BringsBackWhatAnyLostPackHeld) {
  BothHave(2);
  for (const std::string& pack : TargetObjects("packs/")) {
    if (!to.memory->Stat(pack)) continue;
    (void)to.memory->Remove(pack);
    const HealResult result = Heal({Id(1), Id(2)});
    EXPECT_THAT(result.failures, IsEmpty()) << pack;
    EXPECT_THAT(result.healed, ElementsAre(Id(1), Id(2)));
    EXPECT_EQ(WholeBackups(), 2U);
  }
  EXPECT_THAT(TargetObjects("leases/"), IsEmpty());
}

TEST_F(HealTest, StoresAnewOnlyWhatIsLost) {
  BothHave(2);
  const std::vector<std::string> before = TargetObjects("packs/");
  std::string largest;
  for (const auto& object : storage::ListAll(*to.memory, "packs/")) {
    if (largest.empty() || object.size > to.memory->Stat(largest)->size) largest = object.name;
  }
  (void)to.memory->Remove(largest);
  const HealResult result = Heal({Id(1), Id(2)});
  EXPECT_EQ(result.packs, 1U);
  EXPECT_EQ(WholeBackups(), 2U);
}

TEST_F(HealTest, PassesByPacksThatAreMarked) {
  BothHave(1);
  for (const std::string& pack : TargetObjects("packs/")) {
    repo::MarkDamaged(*to.memory, ShortIdOf(pack));
  }
  const std::vector<std::string> marked = TargetObjects("packs/");
  EXPECT_THAT(Heal({Id(1)}).failures, IsEmpty());
  for (const std::string& pack : marked) (void)to.memory->Remove(pack);
  EXPECT_EQ(WholeBackups(), 1U);
}

TEST_F(HealTest, KeepsTheBackupsPlaceAmongTheOthers) {
  BothHave(2);
  const repo::Snapshot before = repo::ReadSnapshot(to.sound(), Id(1));
  (void)to.memory->Remove(TargetObjects("packs/").front());
  (void)Heal({Id(1)});
  const repo::Snapshot after = repo::ReadSnapshot(to.sound(), Id(1));
  EXPECT_EQ(after.sequence, before.sequence);
  EXPECT_EQ(after.previous, before.previous);
  EXPECT_EQ(after.facts.attributes, before.facts.attributes);
}

TEST_F(HealTest, MakesARecordAnewThatDoesNotOpen) {
  BothHave(2);
  (void)to.memory->Remove(repo::SnapshotObject(Id(2)));
  (void)to.memory->Put(repo::SnapshotObject(Id(2)), base::ToBytes("rot"));
  EXPECT_THAT(Heal({Id(2)}).healed, ElementsAre(Id(2)));
  EXPECT_EQ(WholeBackups(), 2U);
}

TEST_F(HealTest, ARecordThatDoesNotOpenKeepsItsPlaceByItsStart) {
  BothHave(2);
  for (const int number : {1, 2}) {
    (void)to.memory->Remove(repo::SnapshotObject(Id(number)));
    (void)to.memory->Put(repo::SnapshotObject(Id(number)), base::ToBytes("rot"));
    (void)Heal({Id(number)});
    const repo::Snapshot first = repo::ReadSnapshot(to.sound(), Id(1));
    const repo::Snapshot second = repo::ReadSnapshot(to.sound(), Id(2));
    EXPECT_LT(std::tuple(first.sequence, first.facts.started, first.id),
              std::tuple(second.sequence, second.facts.started, second.id));
  }
}

TEST_F(HealTest, KeepsPinsAndMakesThemYoung) {
  BothHave(1);
  repo::PutPin(*to.memory, Id(1), std::nullopt);
  const std::vector<std::string> old = TargetObjects("pins/");
  (void)to.memory->Remove(TargetObjects("packs/").front());
  (void)Heal({Id(1)});
  EXPECT_EQ(TargetObjects("pins/").size(), 1U);
  EXPECT_NE(TargetObjects("pins/"), old);
}

TEST_F(HealTest, BringsNoPinsThatTheBackupHereNeverHad) {
  BothHave(1);
  repo::PutPin(*from.memory, Id(1), std::nullopt);
  (void)to.memory->Remove(TargetObjects("packs/").front());
  EXPECT_THAT(Heal({Id(1)}).healed, ElementsAre(Id(1)));
  EXPECT_THAT(TargetObjects("pins/"), IsEmpty());
}

TEST_F(HealTest, PassesByPacksThatAreAlteredAndCouldNotBeMarked) {
  BothHave(1);
  HealRequest request{.source = "shop", .backups = {Id(1)}};
  const std::vector<std::string> altered = TargetObjects("packs/");
  for (const std::string& pack : altered) request.altered.insert(ShortIdOf(pack));
  EXPECT_THAT(Heal(request).healed, ElementsAre(Id(1)));
  for (const std::string& pack : altered) (void)to.memory->Remove(pack);
  EXPECT_EQ(WholeBackups(), 1U);
}

TEST_F(HealTest, PassesOverABackupWhoseRecordIsAnotherByNow) {
  BothHave(1);
  HealRequest request{.source = "shop", .backups = {Id(1)}};
  request.records[Id(1)] = codec::Sha256(base::AsBytes("what was found damaged"));
  const auto record = to.memory->Get(repo::SnapshotObject(Id(1)));
  const HealResult result = Heal(request);
  EXPECT_THAT(result.healed, IsEmpty());
  EXPECT_EQ(to.memory->Get(repo::SnapshotObject(Id(1))), record);
}

// As a newer program writes it: the format's number is another.
TEST_F(HealTest, LeavesARecordThatItIsTooOldToRead) {
  BothHave(1);
  base::Bytes record = *to.memory->Get(repo::SnapshotObject(Id(1)));
  ++record[std::string_view("HFSNAP").size()];
  (void)to.memory->Remove(repo::SnapshotObject(Id(1)));
  (void)to.memory->Put(repo::SnapshotObject(Id(1)), record);
  const HealResult result = Heal({Id(1)});
  EXPECT_THAT(result.healed, IsEmpty());
  EXPECT_THAT(result.failures, testing::SizeIs(1));
  EXPECT_EQ(to.memory->Get(repo::SnapshotObject(Id(1))), record);
}

TEST_F(HealTest, LeavesEverythingWhereTheCopyIsDamagedToo) {
  BothHave(1);
  (void)to.memory->Remove(TargetObjects("packs/").front());
  for (const auto& object : storage::ListAll(*from.memory, "packs/")) {
    (void)from.memory->Remove(object.name);
  }
  const auto record = to.memory->Get(repo::SnapshotObject(Id(1)));
  const HealResult result = Heal({Id(1)});
  EXPECT_THAT(result.healed, IsEmpty());
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(to.memory->Get(repo::SnapshotObject(Id(1))), record);
}

TEST_F(HealTest, LeavesABackupThatIsBeingDeleted) {
  BothHave(1);
  (void)to.memory->Remove(TargetObjects("packs/").front());
  (void)to.memory->Put(repo::TombstoneObject(Id(1)), base::ToBytes("{}"));
  const auto record = to.memory->Get(repo::SnapshotObject(Id(1)));
  const HealResult result = Heal({Id(1)});
  EXPECT_THAT(result.healed, IsEmpty());
  EXPECT_EQ(to.memory->Get(repo::SnapshotObject(Id(1))), record);
}

TEST_F(HealTest, WhenTheNewRecordCannotBePutTheCopyStillBringsItBack) {
  BothHave(1);
  (void)to.memory->Remove(TargetObjects("packs/").front());
  to.faulty->Inject({.kind = storage::FaultKind::kFailNotApplied,
                     .verb = storage::Verb::kPut,
                     .prefix = repo::SnapshotObject(Id(1)),
                     .times = 2});
  try {
    (void)Heal({Id(1)});
    FAIL() << "nothing was wrong";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.hints(), testing::Contains(HasSubstr("copy the backup here again")));
  }
  EXPECT_EQ(WholeBackups(), 0U);
  EXPECT_THAT(Copy().copied, ElementsAre(Id(1)));
  EXPECT_EQ(WholeBackups(), 1U);
}

TEST_F(HealTest, TellsWhatItHealedBeforeSomethingFailed) {
  BothHave(2);
  for (const std::string& pack : TargetObjects("packs/")) (void)to.memory->Remove(pack);
  to.faulty->Inject({.kind = storage::FaultKind::kFailNotApplied,
                     .verb = storage::Verb::kPut,
                     .prefix = repo::SnapshotObject(Id(2)),
                     .times = 1});
  HealResult result;
  const HealRequest request{.source = "shop", .backups = {Id(1), Id(2)}};
  EXPECT_THROW(HealBackups(from.repository(), to.repository(), request, result, report, {}),
               base::Error);
  EXPECT_THAT(result.healed, ElementsAre(Id(1)));
  EXPECT_TRUE(to.memory->Stat(repo::SnapshotObject(Id(2)))) << "the damaged record is put back";
}

TEST_F(HealTest, ADryRunWritesNothing) {
  BothHave(1);
  (void)to.memory->Remove(TargetObjects("packs/").front());
  const std::vector<std::string> before = TargetObjects("");
  EXPECT_THAT(Heal({Id(1)}, true).healed, ElementsAre(Id(1)));
  EXPECT_EQ(TargetObjects(""), before);
}

TEST_F(HealTest, PassesOverWhatTheCopyLacks) {
  BothHave(1);
  EXPECT_THAT(Heal({Id(7)}).healed, IsEmpty());
}

}  // namespace
}  // namespace holdfast::replicate
