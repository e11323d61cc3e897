#include "upkeep/prune.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "repo/condemned.h"
#include "repo/config_object.h"
#include "repo/damage_mark.h"
#include "repo/lease.h"
#include "repo/pin.h"
#include "repo/snapshot_codec.h"
#include "repo/withdrawal.h"
#include "repo/writer.h"
#include "storage/memory_storage.h"
#include "upkeep/testing/prune_fixture.h"
#include "upkeep/tombstone.h"

namespace holdfast::upkeep {
namespace {

using storage::FaultKind;
using storage::Verb;
using testing::ElementsAre;
using testing::IsEmpty;

class PruneTest : public PruneFixture {};

TEST_F(PruneTest, DeletesWhatAForgottenBackupAloneNeededADayAfterCondemningIt) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2, "shop/1");
  const std::size_t packs = Objects("packs/").size();
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");

  const PruneResult condemning = Run();
  EXPECT_GT(condemning.packs_condemned.objects, 0U);
  EXPECT_EQ(condemning.packs_removed.objects, 0U);
  EXPECT_EQ(condemning.next_due, test.clock.Now() + repo::kGrace);
  EXPECT_EQ(Objects("packs/").size(), packs);
  EXPECT_EQ(Objects("prune/").size(), 1U);

  test.clock.Advance(repo::kGrace - std::chrono::seconds(1));
  const PruneResult waiting = Run();
  EXPECT_EQ(waiting.packs_waiting, condemning.packs_condemned);
  EXPECT_EQ(waiting.packs_condemned.objects, 0U);
  EXPECT_TRUE(waiting.backups_removed.empty());
  EXPECT_EQ(Objects("packs/").size(), packs);

  test.clock.Advance(std::chrono::seconds(1));
  const PruneResult deleting = Run();
  EXPECT_EQ(deleting.packs_removed, condemning.packs_condemned);
  EXPECT_THAT(deleting.backups_removed, ElementsAre(Id("shop/1")));
  EXPECT_EQ(Objects("packs/").size(), packs - deleting.packs_removed.objects);
  EXPECT_THAT(Objects("snapshots/"), ElementsAre(repo::SnapshotObject(Id("shop/2"))));
  ExpectAllReadable();

  const PruneResult again = RunADayLater();
  EXPECT_EQ(again.packs_removed.objects + again.packs_condemned.objects, 0U);
  ExpectAllReadable();
}

TEST_F(PruneTest, TouchesNothingWhereNothingWasForgotten) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2, "shop/1");
  const std::vector<std::string> before = Objects();
  test.clock.Advance(repo::kGrace * 100);
  (void)Run();
  EXPECT_EQ(Objects(), before);
}

TEST_F(PruneTest, SparesWhatIsNeededAgainWhenAListIsDue) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2, "shop/1");
  BackUp("shop/3", 3);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  (void)Run();
  (void)test.memory->Remove(repo::TombstoneObject(Id("shop/1")));
  const PruneResult result = RunADayLater();
  EXPECT_GT(result.packs_spared, 0U);
  EXPECT_EQ(result.packs_removed.objects, 0U);
  ExpectAllReadable();
}

// A list that was put late, by a prune that had stood still, may name what a backup needs that was
// committed meanwhile.
TEST_F(PruneTest, SparesForADayWhatWasForgottenAfterAListWasPutThatNamesIt) {
  const repo::Snapshot first = BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  const std::vector<std::string> packs = Objects("packs/");
  (void)test.memory->Put(
      repo::NewCondemnedListObject(test.clock.Now()),
      repo::FormatCondemnedList(
          {.created = test.clock.Now(), .packs = repo::ReadPackList(*test.memory, first.id)}));
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  EXPECT_EQ(Run().packs_spared, first.pack_count);
  EXPECT_EQ(Objects("packs/"), packs);
  // From then on as ever: condemned anew, and deleted a day later.
  EXPECT_EQ(RunADayLater().packs_condemned.objects, first.pack_count);
  EXPECT_EQ(RunADayLater().packs_removed.objects, first.pack_count);
  EXPECT_EQ(Objects("packs/").size(), packs.size() - first.pack_count);
  ExpectAllReadable();
}

TEST_F(PruneTest, SparesThePacksOfARunningBackupUntilItsLeaseIsOver) {
  BackUp("shop/1", 1);
  {
    repo::Writer writer(test.repository(),
                        {.id = Id("shop/2"), .parent = {}, .log_start = {}, .compression = {}});
    repo::DataWriter data(writer);
    (void)data.AppendBytes(base::Bytes(1000, 7));
    data.Flush();
    // Renewed all the time, for two days.
    for (int hours = 0; hours < 48; ++hours) {
      test.clock.Advance(std::chrono::hours(1));
      writer.KeepAlive();
    }
    EXPECT_EQ(Run().packs_condemned.objects, 0U);
    // Then it stands still.
    test.clock.Advance(repo::kLeaseLifetime + std::chrono::seconds(1));
    EXPECT_EQ(Run().packs_condemned.objects, 1U);
  }
}

TEST_F(PruneTest, KeepsAForgottenBackupThatARunningOneBuildsUpon) {
  BackUp("shop/1", 1);
  BackUp("shop/3", 3);
  test.clock.Advance(repo::kGrace);
  {
    const repo::Lease lease(test.repository(),
                            {.kind = "restore", .pins = {Id("shop/1")}, .log = {}});
    Forget("shop/1");
    const PruneResult result = Run();
    EXPECT_EQ(result.packs_condemned.objects, 0U);
    ASSERT_EQ(result.backups_kept.size(), 1U);
    EXPECT_EQ(result.backups_kept[0].id, Id("shop/1"));
  }
  EXPECT_GT(Run().packs_condemned.objects, 0U);
}

TEST_F(PruneTest, KeepsAForgottenBackupThatIsPinned) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  repo::PutPin(*test.memory, Id("shop/1"), test.clock.Now() + repo::kGrace * 3);
  (void)Run();
  EXPECT_EQ(RunADayLater().packs_condemned.objects, 0U);
  test.clock.Advance(repo::kGrace * 2);
  const PruneResult over = Run();
  EXPECT_GT(over.packs_condemned.objects, 0U);
  EXPECT_EQ(over.pins_removed, 1U);
  EXPECT_THAT(Objects("pins/"), IsEmpty());
}

TEST_F(PruneTest, KeepsTheLastBackupOfASourceUnlessItsTombstoneSaysThatItWasMeant) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  BackUp("lab/1", 3);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  Forget("shop/2");
  const PruneResult kept = Run();
  ASSERT_EQ(kept.backups_kept.size(), 1U);
  EXPECT_EQ(kept.backups_kept[0].id, Id("shop/2"));
  (void)RunADayLater();
  (void)RunADayLater();
  EXPECT_TRUE(IsThere(repo::SnapshotObject(Id("shop/2"))));

  (void)test.memory->Remove(repo::TombstoneObject(Id("shop/2")));
  Forget("shop/2", base::AsText(FormatTombstone(
                       {.forgotten = {}, .host = "here", .reason = "by name", .even_last = true})));
  (void)Run();
  (void)RunADayLater();
  EXPECT_FALSE(IsThere(repo::SnapshotObject(Id("shop/2"))));
  ExpectAllReadable();
}

TEST_F(PruneTest, RemovesWhatItsOwnWriterWithdrew) {
  BackUp("shop/1", 1);
  repo::Snapshot snapshot;
  snapshot.id = Id("shop/2");
  snapshot.facts.kind = "cluster";
  const auto secret = repo::WithdrawalSecret::New();
  snapshot.withdrawal = secret.Digest();
  (void)test.memory->Put(
      repo::SnapshotObject(snapshot.id),
      repo::EncodeSnapshot(test.sound().keyring(), snapshot, std::vector<repo::ShortPackId>(1)));
  repo::PutWithdrawal(*test.memory, snapshot.id, secret);
  // It lacks a pack, which stops nobody.
  (void)Run();
  EXPECT_TRUE(IsThere(repo::SnapshotObject(snapshot.id)));
  const PruneResult result = RunADayLater();
  EXPECT_THAT(result.backups_removed, ElementsAre(snapshot.id));
  EXPECT_THAT(Objects("snapshots/"), ElementsAre(repo::SnapshotObject(Id("shop/1"))));
}

TEST_F(PruneTest, StopsAtABackupThatCannotBeReadUntilItIsForgotten) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  BackUp("shop/3", 3);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  test.faulty->FlipBitAtRest(repo::SnapshotObject(Id("shop/2")), 700);
  EXPECT_EQ(Refused(), base::ErrorKind::kCorrupt);
  Forget("shop/2");
  EXPECT_GT(Run({.allowed_share = 100}).packs_condemned.objects, 0U);
}

TEST_F(PruneTest, CondemnsNothingWhileARecordIsAwayThatGivesWayToItself) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  test.clock.Advance(repo::kGrace);
  const std::string object = repo::SnapshotObject(Id("shop/1"));
  const base::Bytes record = *test.memory->Get(object);
  {
    const repo::Writer writer(test.repository(), {.id = Id("shop/1"),
                                                  .parent = {},
                                                  .log_start = {},
                                                  .compression = {},
                                                  .in_place_of = repo::ReplacedRecord{}});
    (void)test.memory->Remove(object);
    EXPECT_EQ(Run({.allowed_share = 100}).packs_condemned.objects, 0U);
    (void)test.memory->Put(object, record);
    EXPECT_EQ(Run({.allowed_share = 100}).packs_condemned.objects, 0U);
  }
  ExpectAllReadable();
  (void)test.memory->Remove(object);
  EXPECT_GT(Run({.allowed_share = 100}).packs_condemned.objects, 0U);
}

TEST_F(PruneTest, StopsAtALeaseAListOrAStoreThatCannotBeRead) {
  BackUp("shop/1", 1);
  (void)test.memory->Put("leases/0123456789abcdef/00000000", base::AsBytes("{"));
  EXPECT_EQ(Refused(), base::ErrorKind::kCorrupt);
  (void)test.memory->Remove("leases/0123456789abcdef/00000000");
  (void)test.memory->Put("prune/20261121T070003Z-aaaa", base::AsBytes("{"));
  EXPECT_EQ(Refused(), base::ErrorKind::kCorrupt);
  (void)test.memory->Remove("prune/20261121T070003Z-aaaa");
  test.faulty->Inject({.verb = Verb::kGet, .prefix = "snapshots/"});
  EXPECT_EQ(Refused(), base::ErrorKind::kUnavailable);
}

TEST_F(PruneTest, RemovesMarksOfDamageWithTheirPacksAndNoSooner) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  for (const char* id : {"shop/1", "shop/2"}) {
    repo::MarkDamaged(*test.memory, repo::ReadPackList(*test.memory, Id(id)).at(0));
  }
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  (void)Run({.allowed_share = 100});
  EXPECT_EQ(Objects(repo::kDamagedPrefix).size(), 2U);
  (void)RunADayLater({.allowed_share = 100});  // deletes the packs, which it saw before
  (void)Run();
  EXPECT_THAT(
      Objects(repo::kDamagedPrefix),
      ElementsAre(repo::DamageMarkObject(repo::ReadPackList(*test.memory, Id("shop/2")).at(0))));
}

TEST_F(PruneTest, StopsWhereABackupLacksAPack) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  const auto pack = repo::ReadPackList(*test.memory, Id("shop/2")).at(0);
  const std::string hex = base::ToHex(pack.bytes);
  (void)test.memory->Remove(Objects("packs/" + hex.substr(0, 2) + "/" + hex).at(0));
  EXPECT_EQ(Refused(), base::ErrorKind::kCorrupt);
  const PruneResult result = Run({.despite_damage = true});
  EXPECT_GT(result.packs_condemned.objects, 0U);
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_NE(result.warnings[0].find(Id("shop/2").ToString()), std::string::npos);
}

TEST_F(PruneTest, RefusesToLetEverythingOrALargeShareGo) {
  for (int i = 1; i <= 6; ++i) BackUp("shop/" + std::to_string(i), static_cast<std::uint32_t>(i));
  test.clock.Advance(repo::kGrace);
  for (int i = 1; i <= 5; ++i) Forget("shop/" + std::to_string(i));
  EXPECT_EQ(Refused(), base::ErrorKind::kConflict);
  EXPECT_EQ(Refused({.allowed_share = 70}), base::ErrorKind::kConflict);
  const PruneResult meant = Run({.allowed_share = 90});
  EXPECT_GT(meant.packs_condemned.objects, 16U);
  // Executing what was allowed needs no second word.
  EXPECT_EQ(RunADayLater().packs_removed, meant.packs_condemned);
  ExpectAllReadable();
}

TEST_F(PruneTest, RefusesWhereNoBackupIsLeftAtAll) {
  BackUp("shop/1", 1);
  (void)test.memory->Remove(repo::SnapshotObject(Id("shop/1")));
  test.clock.Advance(repo::kGrace);
  EXPECT_EQ(Refused({.allowed_share = 99}), base::ErrorKind::kConflict);
  EXPECT_GT(Run({.allowed_share = 100}).packs_condemned.objects, 0U);
}

TEST_F(PruneTest, RefusesAShortGraceWithoutTheWord) {
  BackUp("shop/1", 1);
  EXPECT_EQ(Refused({.grace = repo::kGrace - std::chrono::seconds(1)}), base::ErrorKind::kUsage);
  (void)Run({.grace = std::chrono::seconds(1), .short_grace = true});
}

TEST_F(PruneTest, KeepsExecutedListsForLongerThanAnyBackupRuns) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  (void)Run();
  (void)RunADayLater();
  EXPECT_EQ(Objects("prune/").size(), 2U);
  test.clock.Advance(repo::kListRetention - std::chrono::hours(1));
  EXPECT_EQ(Run().lists_removed, 0U);
  test.clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(Run().lists_removed, 1U);
  EXPECT_THAT(Objects("prune/"), IsEmpty());
}

TEST_F(PruneTest, KeepsAListAsLongAsAPackThatItSparedIsThere) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  (void)Run();
  (void)test.memory->Remove(repo::TombstoneObject(Id("shop/1")));
  (void)RunADayLater();
  test.clock.Advance(repo::kListRetention * 2);
  EXPECT_EQ(Run().lists_removed, 0U);
  // Once it is needed no more, another list names it.
  Forget("shop/1");
  (void)Run();
  EXPECT_GT(RunADayLater().packs_removed.objects, 0U);
  test.clock.Advance(repo::kListRetention);
  EXPECT_EQ(Run().lists_removed, 2U);
}

TEST_F(PruneTest, PutsAtMostFourListsADay) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  BackUp("shop/3", 3);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  (void)Run();
  Forget("shop/2");
  test.clock.Advance(std::chrono::hours(5));
  EXPECT_EQ(Run().packs_condemned.objects, 0U);
  test.clock.Advance(std::chrono::hours(1));
  EXPECT_GT(Run({.allowed_share = 100}).packs_condemned.objects, 0U);
}

TEST_F(PruneTest, ADryRunChangesNothingAndSaysWhatARealRunDoes) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2, "shop/1");
  BackUp("shop/3", 3);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  (void)Run();
  Forget("shop/2");
  test.clock.Advance(repo::kGrace);
  const std::vector<std::string> before = Objects();
  const PruneResult dry = Run({.dry_run = true});
  EXPECT_EQ(Objects(), before);
  const PruneResult real = Run();
  EXPECT_GT(real.packs_removed.objects, 0U);
  EXPECT_EQ(dry.packs_removed, real.packs_removed);
  EXPECT_EQ(dry.packs_condemned, real.packs_condemned);
  EXPECT_EQ(dry.packs_kept, real.packs_kept);
  EXPECT_EQ(dry.backups_removed, real.backups_removed);
  EXPECT_EQ(dry.next_due, real.next_due);
}

TEST_F(PruneTest, RemovesLeasesThatAreLongDead) {
  BackUp("shop/1", 1);
  (void)test.memory->Put("leases/00000000000000aa/00000000",
                         base::AsBytes(R"({"writer":"00000000000000aa","kind":"restore",)"
                                       R"("host":"h","started_at":"2027-01-15T08:00:00Z",)"
                                       R"("pins":[]})"));
  (void)test.memory->Put("leases/00000000000000bb/00000003",
                         base::AsBytes(R"({"writer":"00000000000000bb","kind":"backup",)"
                                       R"("host":"h","started_at":"2027-01-15T08:00:00Z",)"
                                       R"("pins":[]})"));
  EXPECT_EQ(Run().leases_removed, 0U);
  test.clock.Advance(repo::kLeaseLifetime + std::chrono::seconds(1));
  EXPECT_EQ(Run().leases_removed, 1U);
  // A backup that was suspended may go on, and its log is kept until it can no longer commit.
  test.clock.Advance(repo::kLongestBackup);
  EXPECT_EQ(Run().leases_removed, 1U);
  EXPECT_THAT(Objects("leases/"), IsEmpty());
}

// A store that keeps some objects whatever it is asked.
class LockingStorage final : public storage::Storage {
 public:
  LockingStorage(storage::Storage& below, std::string prefix)
      : below_(below), prefix_(std::move(prefix)) {}
  storage::PutOutcome Put(std::string_view name, base::ByteView contents) override {
    return below_.Put(name, contents);
  }
  std::optional<base::Bytes> Get(std::string_view name) override { return below_.Get(name); }
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override {
    return below_.GetRange(name, offset, length);
  }
  std::optional<storage::ObjectInfo> Stat(std::string_view name) override {
    return below_.Stat(name);
  }
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const storage::ObjectInfo&)>& visit) override {
    below_.List(prefix, after, visit);
  }
  storage::RemoveOutcome Remove(std::string_view name) override {
    if (name.starts_with(prefix_)) throw base::Error(base::ErrorKind::kDenied, "it is locked");
    return below_.Remove(name);
  }
  base::Time StoreTime() override { return below_.StoreTime(); }
  storage::StorageTraits traits() const override { return below_.traits(); }

 private:
  storage::Storage& below_;
  const std::string prefix_;
};

TEST_F(PruneTest, SaysWhatTheStoreDoesNotLetGoAndTriesAgainNextTime) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  const PruneResult condemned = Run();
  test.clock.Advance(repo::kGrace);
  LockingStorage locking(*test.memory, "packs/");
  const PruneResult refused = Prune(locking, {}, report, {});
  ASSERT_EQ(refused.warnings.size(), 1U);
  EXPECT_EQ(Objects("prune/").size(), 1U);  // no mark
  EXPECT_EQ(Run().packs_removed, condemned.packs_condemned);
  EXPECT_EQ(Objects("prune/").size(), 2U);
}

TEST_F(PruneTest, RefusesARepositoryThatNeedsANewerProgramToBePruned) {
  storage::MemoryStorage newer(test.clock);
  (void)newer.Put("config", repo::MakeConfig(test.sound().keyring(), test.clock.Now(),
                                             {.read = {}, .write = {}, .prune = {"trees"}}));
  try {
    (void)Prune(newer, {}, report, {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kUsage);
  }
}

// Two runs in turn, the first struck at one of its requests in each sweep; every backup stays whole
// and a third run completes what was begun.
class PruneSweep : public PruneFixture, public testing::WithParamInterface<FaultKind> {};

TEST_P(PruneSweep, IsCompletedByTheNextRunWhereverItIsStruck) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2, "shop/1");
  BackUp("shop/3", 3, "shop/2");
  PutLogged("shop/4", 1, 5 * base::kMiB, 5 * base::kMiB + 10);
  PutSegments(1, 1, 8);
  test.clock.Advance(repo::kGrace);
  Forget("shop/1");
  (void)Run();
  Forget("shop/2");
  test.clock.Advance(repo::kGrace);
  const auto origin = test.Clone();

  std::vector<std::string> expected;
  for (std::uint64_t call = 0;; ++call) {
    const auto struck = test.Clone();
    struck->clock.Advance(repo::kGrace);
    const std::uint64_t before = struck->faulty->call_count();
    struck->faulty->Inject({.kind = GetParam(), .call = call});
    try {
      (void)Prune(*struck->faulty, {.allowed_share = 100, .jobs = 1}, report, {});
    } catch (const base::Error& error) {
      ASSERT_EQ(error.kind(), base::ErrorKind::kUnavailable) << error.message();
    } catch (const storage::SimulatedCrash&) {
    }
    const bool was_struck = struck->faulty->call_count() - before > call;
    for (const repo::BackupId& id : {Id("shop/3")}) {
      ASSERT_EQ(repo::ReadModel(struck->sound(), repo::ReadSnapshot(struck->sound(), id)),
                models.at(id))
          << call;
    }
    ASSERT_EQ(repo::ListBackups(struck->sound()).size(), 2U) << call;
    for (int run = 0; run < 3; ++run) {
      struck->clock.Advance(repo::kGrace);
      (void)Prune(*struck->memory, {.allowed_share = 100}, report, {});
    }
    struck->clock.Advance(repo::kListRetention);
    (void)Prune(*struck->memory, {.allowed_share = 100}, report, {});
    std::vector<std::string> left;
    for (const auto& object : storage::ListAll(*struck->memory, "")) left.push_back(object.name);
    if (expected.empty()) expected = left;
    ASSERT_EQ(left, expected) << call;
    if (!was_struck) {
      EXPECT_GT(call, 20U);
      break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Prune, PruneSweep,
                         testing::Values(FaultKind::kCrashNotApplied, FaultKind::kCrashApplied,
                                         FaultKind::kFailNotApplied, FaultKind::kFailApplied));

}  // namespace
}  // namespace holdfast::upkeep
