#include "replicate/copy.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "replicate/testing/two_repositories.h"
#include "repo/condemned.h"
#include "repo/damage_mark.h"
#include "repo/lease.h"
#include "repo/pin.h"
#include "repo/protocol_times.h"
#include "repo/withdrawal.h"

namespace holdfast::replicate {
namespace {

using storage::Fault;
using storage::FaultKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CopyTest : public TwoRepositories {};

TEST_F(CopyTest, CopiesBackupsThatReadTheSameUnderTheTargetsKeys) {
  BackUp(1);
  BackUp(2);
  const CopyResult result = Copy();
  EXPECT_THAT(result.copied, ElementsAre(Id(1), Id(2)));
  EXPECT_THAT(result.failures, IsEmpty());
  EXPECT_EQ(WholeBackups(), 2U);
  for (const std::string& pack : TargetObjects("packs/")) {
    EXPECT_FALSE(from.memory->Stat(pack)) << pack;
  }
  EXPECT_THAT(TargetObjects("leases/"), IsEmpty());
  EXPECT_THAT(storage::ListAll(*from.memory, "leases/"), IsEmpty());
}

TEST_F(CopyTest, KeepsWhatABackupSaysAboutItself) {
  BackUp(1);
  BackUp(2);
  (void)Copy();
  const repo::Snapshot ours = repo::ReadSnapshot(from.sound(), Id(2));
  const repo::Snapshot theirs = repo::ReadSnapshot(to.sound(), Id(2));
  EXPECT_EQ(theirs.facts.kind, ours.facts.kind);
  EXPECT_EQ(theirs.facts.started, ours.facts.started);
  EXPECT_EQ(theirs.facts.finished, ours.facts.finished);
  EXPECT_EQ(theirs.facts.parent, ours.facts.parent);
  EXPECT_EQ(theirs.facts.attributes, ours.facts.attributes);
  EXPECT_EQ(theirs.facts.tree.total_size, ours.facts.tree.total_size);
  EXPECT_EQ(theirs.sequence, 2U);
}

TEST_F(CopyTest, CompressesAPackThatWouldGetTooLargeWithout) {
  BackUp(1);
  const auto stored = [&](std::uint64_t most_pack_bytes) {
    repo::TestRepository target;
    CopyOptions options{.jobs = 1};
    options.compression = {.codec = codec::Codec::kRaw};
    options.most_pack_bytes = most_pack_bytes;
    const CopyPlan plan = PlanCopy(from.repository(), target.repository(), "shop", {});
    const CopyResult result =
        ExecuteCopy(from.repository(), target.repository(), plan, options, report, {});
    EXPECT_EQ(repo::ReadModel(target.repository(), repo::ReadSnapshot(target.repository(), Id(1))),
              models.at(1));
    return result.bytes_stored;
  };
  const std::uint64_t as_set = stored(base::kMiB);
  EXPECT_LT(stored(20 * base::kKiB) * 4, as_set * 3);
}

TEST_F(CopyTest, CopiesNothingASecondTime) {
  BackUp(1);
  BackUp(2);
  (void)Copy();
  const std::vector<std::string> before = TargetObjects("");
  const CopyResult again = Copy();
  EXPECT_THAT(again.copied, IsEmpty());
  EXPECT_EQ(again.packs, 0U);
  EXPECT_EQ(TargetObjects(""), before);
}

TEST_F(CopyTest, StoresOfALaterBackupOnlyWhatChanged) {
  BackUp(1);
  const CopyResult first = Copy();
  BackUp(2);
  const CopyResult second = Copy();
  EXPECT_THAT(second.copied, ElementsAre(Id(2)));
  EXPECT_EQ(second.packs, 1U);
  EXPECT_LT(second.bytes_stored * 3, first.bytes_stored);
  EXPECT_EQ(WholeBackups(), 2U);
  // And as much when both are copied at once, or the second by name.
  repo::TestRepository other;
  const CopyPlan plan = PlanCopy(from.sound(), other.sound(), "shop", {});
  const CopyResult both = ExecuteCopy(from.sound(), other.sound(), plan, {}, report, {});
  EXPECT_EQ(both.packs, first.packs + second.packs);
}

TEST_F(CopyTest, CopiesManyPacksAtATime) {
  for (int number = 1; number <= 8; ++number) BackUp(number, true);
  const CopyPlan plan = PlanCopy(from.repository(), to.repository(), "shop", {});
  const CopyResult result = ExecuteCopy(from.repository(), to.repository(), plan,
                                        {.jobs = 4, .notes = notes.path() / "n"}, report, {});
  EXPECT_EQ(result.copied.size(), 8U);
  EXPECT_EQ(WholeBackups(), 8U);
}

TEST_F(CopyTest, EndsWhenItIsAskedToAndGoesOnLater) {
  BackUp(1);
  std::stop_source stop;
  stop.request_stop();
  const CopyPlan plan = PlanCopy(from.repository(), to.repository(), "shop", {});
  try {
    (void)ExecuteCopy(from.repository(), to.repository(), plan, {}, report, stop.get_token());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCancelled);
  }
  EXPECT_EQ(WholeBackups(), 0U);
  EXPECT_EQ(Copy().copied.size(), 1U);
}

TEST_F(CopyTest, NeedsNoOlderBackupForANamedOne) {
  BackUp(1);
  BackUp(2);
  BackUp(3);
  const CopyResult named = Copy({}, {Id(2)});
  EXPECT_THAT(named.copied, ElementsAre(Id(2)));
  EXPECT_EQ(WholeBackups(), 1U);
  const CopyResult rest = Copy();
  EXPECT_THAT(rest.copied, ElementsAre(Id(1), Id(3)));
  EXPECT_EQ(WholeBackups(), 3U);
}

TEST_F(CopyTest, SaysWhatItWouldCopyAndTouchesNothing) {
  BackUp(1);
  const std::vector<std::string> before = TargetObjects("");
  EXPECT_THAT(Copy({.dry_run = true}).copied, ElementsAre(Id(1)));
  EXPECT_EQ(TargetObjects(""), before);
}

TEST_F(CopyTest, StoresAgainWhatTheTargetHasCondemnedOrFoundDamagedOrLost) {
  BackUp(1);
  (void)Copy();
  const std::vector<repo::ShortPackId> packs = repo::ReadPackList(*to.memory, Id(1));
  const auto run = [&](int number) {
    BackUp(number);
    EXPECT_THAT(Copy().copied, ElementsAre(Id(number)));
    const std::vector<repo::ShortPackId> needed = repo::ReadPackList(*to.memory, Id(number));
    for (const repo::ShortPackId& pack : needed) {
      EXPECT_THAT(packs, testing::Not(testing::Contains(pack)));
    }
  };
  (void)to.memory->Put("prune/20261121T080000Z-0001",
                       repo::FormatCondemnedList({.created = to.clock.Now(), .packs = packs}));
  run(2);
  (void)to.memory->Remove("prune/20261121T080000Z-0001");
  for (const repo::ShortPackId& pack : packs) repo::MarkDamaged(*to.memory, pack);
  // The second backup's own packs can be built upon.
  BackUp(3);
  EXPECT_EQ(Copy().packs, 1U);
  EXPECT_EQ(WholeBackups(), 3U);
  for (const std::string& pack : TargetObjects("packs/")) (void)to.memory->Remove(pack);
  BackUp(4);
  EXPECT_THAT(Copy().copied, ElementsAre(Id(4)));
  EXPECT_EQ(repo::ReadModel(to.sound(), repo::ReadSnapshot(to.sound(), Id(4))), models.at(4));
}

TEST_F(CopyTest, PublishesNothingWhosePacksAreCondemnedMeanwhile) {
  BackUp(1);
  (void)Copy();
  BackUp(2);
  // A prune that has not seen the lease, just before the packs are looked at.
  const CopyPlan plan = PlanCopy(from.repository(), to.repository(), "shop", {});
  struct Condemning final : base::Reporter {
    Condemning(storage::Storage& storage_in, std::vector<repo::ShortPackId> packs_in,
               base::Time now_in)
        : storage(storage_in), packs(std::move(packs_in)), now(now_in) {}
    void Note(std::string_view) override {}
    void Warn(std::string_view) override {}
    void BeginPhase(std::string_view, std::uint64_t) override {}
    void Advance(std::uint64_t) override {
      (void)storage.Put("prune/20261121T080000Z-0001",
                        repo::FormatCondemnedList({.created = now, .packs = packs}));
    }
    void EndPhase() override {}
    storage::Storage& storage;
    std::vector<repo::ShortPackId> packs;
    base::Time now;
  };
  Condemning condemning(*to.memory, repo::ReadPackList(*to.memory, Id(1)), to.clock.Now());
  const CopyResult result =
      ExecuteCopy(from.repository(), to.repository(), plan, {.jobs = 1}, condemning, {});
  EXPECT_THAT(result.copied, IsEmpty());
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.failures[0].error.kind(), base::ErrorKind::kConflict);
  EXPECT_EQ(WholeBackups(), 1U);
  // The next run stores again what is on its way out.
  EXPECT_THAT(Copy().copied, ElementsAre(Id(2)));
  EXPECT_EQ(WholeBackups(), 2U);
}

TEST_F(CopyTest, NamesADamagedPackAndCopiesTheBackupsThatDoNotNeedIt) {
  BackUp(1);
  BackUp(2, true);
  const std::vector<repo::ShortPackId> first = repo::ReadPackList(*from.memory, Id(1));
  std::string damaged;
  for (const auto& object : storage::ListAll(*from.memory, "packs/")) {
    const repo::PackId pack = repo::PackId::FromHex(object.name.substr(object.name.rfind('/') + 1));
    if (repo::ShortPackId::Of(pack) != first.front()) continue;
    damaged = pack.ToHex();
    from.faulty->FlipBitAtRest(object.name, object.size / 2);
  }
  const CopyResult result = Copy();
  EXPECT_THAT(result.copied, ElementsAre(Id(2)));
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.failures[0].error.kind(), base::ErrorKind::kCorrupt);
  EXPECT_THAT(result.failures[0].what, HasSubstr(Id(1).ToString()));
  EXPECT_THAT(result.failures[0].error.message(), HasSubstr(damaged));
  EXPECT_EQ(WholeBackups(), 1U);
}

TEST_F(CopyTest, NamesASnapshotThatCannotBeRead) {
  BackUp(1);
  BackUp(2, true);
  from.faulty->FlipBitAtRest(repo::SnapshotObject(Id(1)), 40);
  const CopyResult result = Copy();
  EXPECT_THAT(result.copied, ElementsAre(Id(2)));
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_THAT(result.failures[0].what, HasSubstr(Id(1).ToString()));
}

TEST_F(CopyTest, RefusesAnotherBackupOfTheSameName) {
  BackUp(1);
  repo::Model other = ModelOf(1);
  other.plain["more"] = base::ToBytes("1");
  (void)repo::WriteModel(to.sound(), Id(1), other);
  const CopyResult result = Copy();
  EXPECT_THAT(result.copied, IsEmpty());
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.failures[0].error.kind(), base::ErrorKind::kConflict);
  EXPECT_EQ(repo::ReadModel(to.sound(), repo::ReadSnapshot(to.sound(), Id(1))), other);
}

TEST_F(CopyTest, DoesNotBringBackWhatWasForgottenThere) {
  BackUp(1);
  BackUp(2);
  (void)Copy();
  (void)to.memory->Put(repo::TombstoneObject(Id(1)), {});
  const CopyPlan plan = PlanCopy(from.repository(), to.repository(), "shop", {});
  EXPECT_THAT(plan.forgotten, ElementsAre(Id(1)));
  EXPECT_THAT(plan.backups, IsEmpty());
  const CopyResult named = Copy({}, {Id(1)});
  ASSERT_EQ(named.failures.size(), 1U);
  EXPECT_EQ(named.failures[0].error.kind(), base::ErrorKind::kConflict);
}

TEST_F(CopyTest, RefusesToCopyARepositoryToItself) {
  try {
    (void)PlanCopy(from.repository(), from.sound(), "shop", {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kConflict);
  }
}

TEST_F(CopyTest, PinsWhatIsPinned) {
  BackUp(1);
  BackUp(2);
  const base::Time until = from.clock.Now() + std::chrono::hours(100);
  repo::PutPin(*from.memory, Id(2), until);
  (void)Copy();
  const repo::Pins pins = repo::ListPins(*to.memory);
  ASSERT_EQ(pins.size(), 1U);
  EXPECT_EQ(pins.begin()->first, Id(2));
  EXPECT_EQ(pins.begin()->second.at(0).until, until);
}

TEST_F(CopyTest, CopiesFromARepositoryThatCannotBeWrittenTo) {
  BackUp(1);
  from.faulty->Inject(
      {.kind = FaultKind::kFailNotApplied, .verb = storage::Verb::kPut, .times = 99});
  const CopyResult result = Copy();
  EXPECT_THAT(result.copied, ElementsAre(Id(1)));
  EXPECT_EQ(result.warnings.size(), 1U);
}

// ---- interruptions

TEST_F(CopyTest, GoesOnWithWhatAnInterruptedRunHasPut) {
  BackUp(1);
  to.faulty->Inject(
      {.kind = FaultKind::kFailNotApplied, .verb = storage::Verb::kPut, .prefix = "snapshots/"});
  EXPECT_THROW((void)Copy(), base::Error);
  EXPECT_EQ(WholeBackups(), 0U);
  const CopyResult again = Copy();
  EXPECT_THAT(again.copied, ElementsAre(Id(1)));
  EXPECT_EQ(again.packs, 0U);
  EXPECT_EQ(WholeBackups(), 1U);
  EXPECT_FALSE(std::filesystem::exists(notes.path() / "notes"));
}

TEST_F(CopyTest, KeepsItsNotesWhileSomethingIsAmiss) {
  BackUp(1);
  BackUp(2, true);
  (void)Copy();
  from.faulty->FlipBitAtRest(repo::SnapshotObject(Id(1)), 40);
  (void)to.memory->Remove(repo::SnapshotObject(Id(1)));
  BackUp(3, true);
  EXPECT_THAT(Copy().failures, testing::SizeIs(1));
  EXPECT_TRUE(std::filesystem::exists(notes.path() / "notes"));
}

TEST_F(CopyTest, BelievesNoNotesThatItDidNotMake) {
  BackUp(1);
  to.faulty->Inject(
      {.kind = FaultKind::kFailNotApplied, .verb = storage::Verb::kPut, .prefix = "snapshots/"});
  EXPECT_THROW((void)Copy(), base::Error);
  // Pairs of another two repositories, and a line that was torn.
  const base::Path file = notes.path() / "notes";
  base::Bytes text = base::ReadFile(file);
  for (std::uint8_t& byte : text) byte = byte == 'a' ? 'b' : byte;
  text.resize(text.size() - 20);
  base::WriteFileDurably(file, text);
  EXPECT_GT(Copy().packs, 0U);
  EXPECT_EQ(WholeBackups(), 1U);
}

// Whatever call to the target is the last one, it stays whole, and the next run completes it.
class CopyCrashTest : public TwoRepositories, public testing::WithParamInterface<FaultKind> {
 protected:
  // As prune does it a day later. False when there was none.
  bool RemoveWithdrawn() {
    bool any = false;
    for (const repo::BackupId& id : {Id(1), Id(2)}) {
      if (!repo::IsWithdrawn(*to.memory, id)) continue;
      (void)to.memory->Remove(repo::SnapshotObject(id));
      (void)to.memory->Remove(repo::WithdrawalObject(id));
      any = true;
    }
    return any;
  }
};

TEST_P(CopyCrashTest, LeavesTheTargetWholeAtEveryCall) {
  BackUp(1);
  BackUp(2);
  const std::uint64_t before = to.faulty->call_count();
  (void)Copy();
  const std::uint64_t calls = to.faulty->call_count() - before;
  ASSERT_GT(calls, 20U);
  for (std::uint64_t call = 0; call < calls; ++call) {
    SCOPED_TRACE(call);
    for (const std::string& object : TargetObjects("")) {
      if (object != "config" && !object.starts_with("keys/")) (void)to.memory->Remove(object);
    }
    to.faulty->Inject({.kind = GetParam(), .call = call});
    bool failed = false;
    try {
      (void)Copy();
    } catch (const storage::SimulatedCrash&) {
      failed = true;
    } catch (const base::Error&) {
      failed = true;
    }
    to.faulty->Recover();
    const std::size_t whole = WholeBackups();
    EXPECT_TRUE(failed || whole == 2);
    CopyResult again = Copy();
    if (!again.failures.empty()) {
      ASSERT_TRUE(RemoveWithdrawn());
      again = Copy();
    }
    EXPECT_THAT(again.failures, IsEmpty());
    EXPECT_EQ(WholeBackups(), 2U);
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, CopyCrashTest,
                         testing::Values(FaultKind::kCrashNotApplied, FaultKind::kCrashApplied,
                                         FaultKind::kFailApplied));

TEST_F(CopyTest, PublishesNothingThatItCouldNotRead) {
  BackUp(1);
  BackUp(2);
  const std::uint64_t before = from.faulty->call_count();
  (void)Copy();
  const std::uint64_t calls = from.faulty->call_count() - before;
  for (std::uint64_t call = 0; call < calls; ++call) {
    for (const FaultKind kind : {FaultKind::kFailNotApplied, FaultKind::kTruncate}) {
      SCOPED_TRACE(call);
      for (const std::string& object : TargetObjects("")) {
        if (object != "config" && !object.starts_with("keys/")) (void)to.memory->Remove(object);
      }
      from.faulty->Inject({.kind = kind, .call = call, .byte = 20});
      try {
        (void)Copy();
      } catch (const base::Error&) {
      }
      from.faulty->ClearFaults();
      (void)WholeBackups();
      EXPECT_THAT(Copy().failures, IsEmpty());
      EXPECT_EQ(WholeBackups(), 2U);
    }
  }
}

}  // namespace
}  // namespace holdfast::replicate
