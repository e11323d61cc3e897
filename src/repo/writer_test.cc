#include "repo/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "base/error.h"
#include "codec/hash.h"
#include "repo/condemned.h"
#include "repo/content_store.h"
#include "repo/damage_mark.h"
#include "repo/lease.h"
#include "repo/testing/model_backup.h"

namespace holdfast::repo {
namespace {

using storage::Fault;
using storage::FaultKind;
using storage::Verb;

BackupId Id(int number) {
  return BackupId::Parse("shop/2026112" + std::to_string(number) + "T070003Z-4f2a");
}

base::Bytes File(std::uint32_t pages, std::uint32_t version) {
  base::Bytes file;
  for (std::uint32_t page = 0; page < pages; ++page) {
    const base::Bytes bytes = ModelPage(page, page % 7 == 3 ? 0 : version);
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  return file;
}

void ChangePage(base::Bytes& file, std::uint32_t page, std::uint32_t version) {
  std::ranges::copy(ModelPage(page, version), file.begin() + page * kPageSize);
}

Model FirstModel() {
  Model model;
  model.paged["base/1/1249"] = File(40, 1);
  model.paged["base/1/1259"] = File(3, 1);
  model.plain["PG_VERSION"] = base::ToBytes("17\n");
  model.plain["base/empty"] = {};
  model.plain["pg_xact/0000"] = ModelPage(99, 5);
  return model;
}

Model SecondModel() {
  Model model = FirstModel();
  for (const std::uint32_t page : {0U, 17U, 18U, 39U})
    ChangePage(model.paged["base/1/1249"], page, 2);
  model.paged["base/1/1250"] = File(2, 2);
  model.plain.erase("base/empty");
  return model;
}

base::ErrorKind KindThrownBy(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::ErrorKind::kInternal;
}

void Condemn(storage::Storage& storage, std::vector<ShortPackId> packs,
             const std::string& object = "prune/20261121T070003Z-aaaa") {
  const base::Bytes list =
      FormatCondemnedList({.created = storage.StoreTime(), .packs = std::move(packs)});
  ASSERT_EQ(storage.Put(object, list), storage::PutOutcome::kStored);
}

// Every backup that is listed has its packs, unaltered, and reads back as it was written.
void ExpectAllReadable(TestRepository& test, const std::map<BackupId, Model>& expected) {
  for (const BackupId& id : ListBackups(test.sound())) {
    for (const ShortPackId& pack : ReadPackList(*test.memory, id)) {
      const std::string hex = base::ToHex(pack.bytes);
      const auto found = storage::ListAll(*test.memory, "packs/" + hex.substr(0, 2) + "/" + hex);
      ASSERT_EQ(found.size(), 1U);
      const base::Bytes contents = storage::GetExisting(*test.memory, found[0].name);
      ASSERT_EQ(found[0].name, PackObject(ProvenId(contents)));
    }
    ASSERT_EQ(ReadModel(test.sound(), ReadSnapshot(test.sound(), id)), expected.at(id));
  }
}

TEST(Writer, WritesABackupThatReadsBackBitForBit) {
  TestRepository test;
  const ModelBackup backup = WriteModel(test.repository(), Id(1), FirstModel());
  EXPECT_EQ(backup.snapshot.sequence, 1U);
  EXPECT_FALSE(backup.snapshot.previous);
  EXPECT_GT(backup.stats.packs, 2U);
  EXPECT_EQ(ListBackups(test.sound()), std::vector{Id(1)});
  ExpectAllReadable(test, {{Id(1), FirstModel()}});
  EXPECT_TRUE(storage::ListAll(*test.memory, kLeasesPrefix).empty());
}

TEST(Writer, StoresOfAnIncrementalOnlyWhatChanged) {
  TestRepository test;
  const ModelBackup first = WriteModel(test.repository(), Id(1), FirstModel());
  const ModelBackup second = WriteModel(test.repository(), Id(2), SecondModel(),
                                        ModelParent{first.snapshot, FirstModel()});
  EXPECT_LT(second.stats.bytes_stored, first.stats.bytes_stored / 3);
  EXPECT_EQ(second.snapshot.facts.parent, Id(1));
  ExpectAllReadable(test, {{Id(1), FirstModel()}, {Id(2), SecondModel()}});
}

TEST(Writer, OfAHostThatMayOnlyAddSharesWithWhatItCannotRead) {
  TestRepository test;
  const KeyFile host = KeyFile::Generate();
  (void)test.sound().AddKey(host, {}, KeyAccess::kAddOnly);
  const Repository adding = Repository::Open(test.memory, test.clock, host);
  // Upon one that opens everything, upon itself, and the other way round.
  const ModelBackup first = WriteModel(test.repository(), Id(1), FirstModel());
  const ModelBackup second =
      WriteModel(adding, Id(2), SecondModel(), ModelParent{first.snapshot, FirstModel()});
  const ModelBackup third =
      WriteModel(adding, Id(3), FirstModel(), ModelParent{second.snapshot, SecondModel()});
  const ModelBackup fourth = WriteModel(test.repository(), Id(4), SecondModel(),
                                        ModelParent{third.snapshot, FirstModel()});
  for (const ModelBackup* later : {&second, &third, &fourth}) {
    EXPECT_LT(later->stats.bytes_stored, first.stats.bytes_stored / 2);
  }
  for (const ModelBackup* backup : {&first, &second, &third}) {
    EXPECT_EQ(KindThrownBy([&] { (void)ReadModel(adding, backup->snapshot); }),
              base::ErrorKind::kDenied);
  }
  ExpectAllReadable(test, {{Id(1), FirstModel()},
                           {Id(2), SecondModel()},
                           {Id(3), FirstModel()},
                           {Id(4), SecondModel()}});
}

TEST(Writer, ChainsTheSnapshotsOfASourceAlsoOverTombstonedOnes) {
  TestRepository test;
  (void)WriteModel(test.repository(), Id(1), FirstModel());
  (void)WriteModel(test.repository(), Id(3), FirstModel());
  ASSERT_EQ(test.memory->Put(TombstoneObject(Id(3)), {}), storage::PutOutcome::kStored);
  // The clock was set back: the name sorts before the one with the highest sequence.
  const ModelBackup third = WriteModel(test.repository(), Id(2), FirstModel());
  EXPECT_EQ(third.snapshot.sequence, 3U);
  EXPECT_EQ(third.snapshot.previous,
            codec::Sha256(storage::GetExisting(*test.memory, SnapshotObject(Id(3)))));
  EXPECT_EQ(ListBackups(test.sound()), (std::vector{Id(1), Id(2)}));
}

TEST(Writer, RefusesAParentThatIsGoneOrBeingDeleted) {
  TestRepository test;
  const WriterOptions options{.id = Id(2), .parent = Id(1), .log_start = {}, .compression = {}};
  EXPECT_EQ(KindThrownBy([&] { Writer writer(test.repository(), options); }),
            base::ErrorKind::kConflict);
  (void)WriteModel(test.repository(), Id(1), FirstModel());
  ASSERT_EQ(test.memory->Put(TombstoneObject(Id(1)), {}), storage::PutOutcome::kStored);
  EXPECT_EQ(KindThrownBy([&] { Writer writer(test.repository(), options); }),
            base::ErrorKind::kConflict);
  EXPECT_TRUE(storage::ListAll(*test.memory, kLeasesPrefix).empty());
}

TEST(Writer, PinsItsParentAndLogByALease) {
  TestRepository test;
  (void)WriteModel(test.repository(), Id(1), FirstModel());
  const Writer writer(test.repository(), {.id = Id(2),
                                          .parent = Id(1),
                                          .log_start = LogRange{7, 1, 1ULL << 60, 0},
                                          .compression = {}});
  const std::vector<LeaseInfo> leases = ListLeases(*test.memory);
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].kind, "backup");
  EXPECT_EQ(leases[0].pins, std::vector{Id(1)});
  EXPECT_EQ(leases[0].log, (LogRange{7, 1, 1ULL << 60, 0}));
}

TEST(Writer, StoresAgainWhatLiesInCondemnedPacks) {
  TestRepository test;
  const ModelBackup first = WriteModel(test.repository(), Id(1), FirstModel());
  Condemn(*test.memory, ReadPackList(*test.memory, Id(1)));
  const ModelBackup second = WriteModel(test.repository(), Id(2), SecondModel(),
                                        ModelParent{first.snapshot, FirstModel()});
  for (const auto& object : storage::ListAll(*test.memory, "snapshots/")) {
    if (object.name == SnapshotObject(Id(1))) (void)test.memory->Remove(object.name);
  }
  const std::vector<ShortPackId> condemned =
      ParseCondemnedList("", *test.memory->Get("prune/20261121T070003Z-aaaa")).packs;
  for (const ShortPackId& pack : condemned) {
    const std::string hex = base::ToHex(pack.bytes);
    (void)test.memory->Remove(
        storage::ListAll(*test.memory, "packs/" + hex.substr(0, 2) + "/" + hex).at(0).name);
  }
  ExpectAllReadable(test, {{Id(2), SecondModel()}});
  EXPECT_GE(second.stats.bytes_stored, first.stats.bytes_stored / 2);
}

TEST(Writer, StoresAgainWhatLiesInPacksThatAreMarkedAsDamaged) {
  TestRepository test;
  const ModelBackup first = WriteModel(test.repository(), Id(1), FirstModel());
  const std::vector<ShortPackId> packs = ReadPackList(*test.memory, Id(1));
  for (const ShortPackId& pack : packs) MarkDamaged(*test.memory, pack);
  const ModelBackup second = WriteModel(test.repository(), Id(2), SecondModel(),
                                        ModelParent{first.snapshot, FirstModel()});
  const std::vector<ShortPackId> of_second = ReadPackList(*test.memory, Id(2));
  for (const ShortPackId& pack : packs) {
    EXPECT_EQ(std::ranges::count(of_second, pack), 0) << base::ToHex(pack.bytes);
  }
  ExpectAllReadable(test, {{Id(1), FirstModel()}, {Id(2), SecondModel()}});
  EXPECT_GE(second.stats.bytes_stored, first.stats.bytes_stored / 2);
}

TEST(Writer, StopsWhenMarksOfDamageCannotBeListed) {
  TestRepository test;
  test.faulty->Inject({.verb = Verb::kList, .prefix = std::string(kDamagedPrefix)});
  EXPECT_EQ(KindThrownBy([&] { (void)WriteModel(test.repository(), Id(1), FirstModel()); }),
            base::ErrorKind::kUnavailable);
}

// Whoever executes the same list at the same time may have looked when nothing needed them.
TEST(Writer, DoesNotBuildOnWhatAnExecutedListSpared) {
  TestRepository test;
  const ModelBackup first = WriteModel(test.repository(), Id(1), FirstModel());
  const std::vector<ShortPackId> packs = ReadPackList(*test.memory, Id(1));
  Condemn(*test.memory, packs);
  ASSERT_EQ(test.memory->Put(ExecutedMarkObject("prune/20261121T070003Z-aaaa"),
                             FormatExecutedMark({.finished = test.clock.Now(), .rescued = packs})),
            storage::PutOutcome::kStored);
  const ModelBackup second = WriteModel(test.repository(), Id(2), SecondModel(),
                                        ModelParent{first.snapshot, FirstModel()});
  EXPECT_GE(second.stats.bytes_stored, first.stats.bytes_stored / 2);
}

TEST(Writer, SaysInItsLeaseWhatItMakes) {
  TestRepository test;
  const Writer writer(test.repository(),
                      {.id = Id(2), .parent = {}, .log_start = {}, .compression = {}});
  EXPECT_EQ(ListLeases(*test.memory).at(0).backup, Id(2));
}

// A writer with one pack and a tree, ready to commit.
struct Ready {
  explicit Ready(TestRepository& test, const Repository& repository,
                 std::optional<ReplacedRecord> in_place_of = {})
      : writer(repository, {.id = Id(1),
                            .parent = {},
                            .log_start = {},
                            .compression = {},
                            .in_place_of = in_place_of}) {
    (void)test;
    DataWriter data(writer);
    TreeEntry entry;
    entry.path = "a";
    entry.size = 1000;
    ExtentContent content{{{data.AppendBytes(base::Bytes(1000, 7)), 0, 1000}}, {}};
    data.Flush();
    writer.names().Name(content);
    pack = content.extents[0].frame.pack;
    entry.content = content;
    TreeWriter tree(writer.meta());
    tree.Add(entry);
    draft.kind = "cluster";
    draft.tree = tree.Finish();
  }
  Writer writer;
  SnapshotDraft draft;
  PackId pack;
};

TEST(WriterCommit, FindsAPackThatTheStoreAcknowledgedAndLost) {
  TestRepository test;
  Ready ready(test, test.repository());
  (void)test.memory->Remove(PackObject(ready.pack));
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  EXPECT_TRUE(storage::ListAll(*test.memory, kSnapshotsPrefix).empty());
}

TEST(WriterCommit, FindsAPackThatTheStoreCutShort) {
  TestRepository test;
  Ready ready(test, test.repository());
  test.faulty->TruncateAtRest(PackObject(ready.pack), 100);
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  EXPECT_TRUE(storage::ListAll(*test.memory, kSnapshotsPrefix).empty());
}

TEST(WriterCommit, PublishesNothingInAnotherRepository) {
  TestRepository test;
  Ready ready(test, test.repository());
  test.ReplaceByAnother();
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  EXPECT_TRUE(storage::ListAll(*test.memory, kSnapshotsPrefix).empty());
}

TEST(WriterCommit, PublishesNothingWhenAPackWasCondemnedMeanwhile) {
  TestRepository test;
  Ready ready(test, test.repository());
  Condemn(*test.memory, {ShortPackId::Of(ready.pack)});
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  EXPECT_TRUE(storage::ListAll(*test.memory, kSnapshotsPrefix).empty());
}

TEST(WriterCommit, PublishesNothingWhenAPackWasMarkedAsDamagedMeanwhile) {
  TestRepository test;
  Ready ready(test, test.repository());
  MarkDamaged(*test.memory, ShortPackId::Of(ready.pack));
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  EXPECT_TRUE(storage::ListAll(*test.memory, kSnapshotsPrefix).empty());
}

TEST(WriterCommit, StopsAtACondemnedListThatCannotBeReadOrParsed) {
  TestRepository garbled;
  Ready first(garbled, garbled.repository());
  ASSERT_EQ(garbled.memory->Put("prune/x", base::AsBytes("{\"packs\":[")),
            storage::PutOutcome::kStored);
  EXPECT_EQ(KindThrownBy([&] { (void)first.writer.Commit(first.draft); }),
            base::ErrorKind::kCorrupt);
  EXPECT_TRUE(storage::ListAll(*garbled.memory, kSnapshotsPrefix).empty());

  TestRepository silent;
  Ready second(silent, silent.repository());
  Condemn(*silent.memory, {});
  silent.faulty->Inject({.verb = Verb::kGet, .prefix = "prune/"});
  EXPECT_EQ(KindThrownBy([&] { (void)second.writer.Commit(second.draft); }),
            base::ErrorKind::kUnavailable);
  EXPECT_TRUE(storage::ListAll(*silent.memory, kSnapshotsPrefix).empty());
}

// Runs something right after an object under `prefix` was put.
class AfterPut final : public storage::Storage {
 public:
  explicit AfterPut(std::shared_ptr<storage::Storage> below) : below_(std::move(below)) {}
  std::string prefix;
  std::function<void()> then;

  storage::PutOutcome Put(std::string_view name, base::ByteView contents) override {
    const storage::PutOutcome outcome = below_->Put(name, contents);
    if (!prefix.empty() && name.starts_with(prefix)) std::exchange(then, [] {})();
    return outcome;
  }
  std::optional<base::Bytes> Get(std::string_view name) override { return below_->Get(name); }
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override {
    return below_->GetRange(name, offset, length);
  }
  std::optional<storage::ObjectInfo> Stat(std::string_view name) override {
    return below_->Stat(name);
  }
  void List(std::string_view prefix_in, std::string_view after,
            const std::function<void(const storage::ObjectInfo&)>& visit) override {
    below_->List(prefix_in, after, visit);
  }
  storage::RemoveOutcome Remove(std::string_view name) override { return below_->Remove(name); }
  base::Time StoreTime() override { return below_->StoreTime(); }
  storage::StorageTraits traits() const override { return below_->traits(); }

 private:
  std::shared_ptr<storage::Storage> below_;
};

TEST(WriterCommit, WithdrawsTheSnapshotWhenTheLastLookFindsAPackCondemned) {
  TestRepository test;
  const auto storage = std::make_shared<AfterPut>(test.memory);
  const Repository repository = Repository::Open(storage, test.clock, TestUnlock());
  Ready ready(test, repository);
  storage->prefix = kSnapshotsPrefix;
  storage->then = [&] { Condemn(*test.memory, {ShortPackId::Of(ready.pack)}); };
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  EXPECT_TRUE(test.memory->Stat(SnapshotObject(Id(1))));
  EXPECT_TRUE(ListBackups(test.sound()).empty());
  // A host that may only add is not let near tombstones.
  EXPECT_FALSE(test.memory->Stat(TombstoneObject(Id(1))));
}

// A record that another is to take the place of.
base::Bytes PutOldRecord(TestRepository& test) {
  (void)WriteModel(test.repository(), Id(1), FirstModel());
  return *test.memory->Get(SnapshotObject(Id(1)));
}

TEST(WriterCommit, PutsTheReplacedRecordBackWhenTheLastLookFindsAPackCondemned) {
  TestRepository test;
  const base::Bytes old = PutOldRecord(test);
  const auto storage = std::make_shared<AfterPut>(test.memory);
  const Repository repository = Repository::Open(storage, test.clock, TestUnlock());
  Ready ready(test, repository, ReplacedRecord{.object = codec::Sha256(old)});
  storage->prefix = kSnapshotsPrefix;
  storage->then = [&] { Condemn(*test.memory, {ShortPackId::Of(ready.pack)}); };
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  EXPECT_EQ(test.memory->Get(SnapshotObject(Id(1))), old);
  ExpectAllReadable(test, {{Id(1), FirstModel()}});
}

TEST(WriterCommit, PutsTheReplacedRecordBackWhenTheAnswerToItsRemovalIsLost) {
  TestRepository test;
  const base::Bytes old = PutOldRecord(test);
  Ready ready(test, test.repository(), ReplacedRecord{.object = codec::Sha256(old)});
  test.faulty->Inject({.kind = storage::FaultKind::kFailApplied,
                       .verb = Verb::kRemove,
                       .prefix = SnapshotObject(Id(1))});
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kUnavailable);
  EXPECT_EQ(test.memory->Get(SnapshotObject(Id(1))), old);
  ExpectAllReadable(test, {{Id(1), FirstModel()}});
}

TEST(WriterCommit, LooksForTheSnapshotWhenTheAnswerToItsPutIsLost) {
  TestRepository test;
  Ready ready(test, test.repository());
  test.faulty->Inject({.kind = storage::FaultKind::kFailApplied,
                       .verb = Verb::kPut,
                       .prefix = std::string(kSnapshotsPrefix)});
  (void)ready.writer.Commit(ready.draft);
  EXPECT_EQ(ListBackups(test.sound()).size(), 1U);
}

// Whoever is told that a backup failed must not find it listed, unwatched as it is.
TEST(WriterCommit, WithdrawsTheSnapshotWhenItIsNotKnownToBeThere) {
  TestRepository test;
  Ready ready(test, test.repository());
  const std::string snapshots(kSnapshotsPrefix);
  test.faulty->Inject(
      {.kind = storage::FaultKind::kFailApplied, .verb = Verb::kPut, .prefix = snapshots});
  test.faulty->Inject({.verb = Verb::kGet, .prefix = SnapshotObject(Id(1))});
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kUnavailable);
  EXPECT_TRUE(test.memory->Stat(SnapshotObject(Id(1))));
  EXPECT_TRUE(ListBackups(test.sound()).empty());
}

TEST(WriterCommit, WithdrawsTheSnapshotWhenItCannotLookOnceMore) {
  TestRepository test;
  const auto storage = std::make_shared<AfterPut>(test.faulty);
  const Repository repository = Repository::Open(storage, test.clock, TestUnlock());
  Ready ready(test, repository);
  storage->prefix = kSnapshotsPrefix;
  storage->then = [&] { test.faulty->Inject({.verb = Verb::kList, .prefix = "prune/"}); };
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kUnavailable);
  EXPECT_TRUE(test.memory->Stat(SnapshotObject(Id(1))));
  EXPECT_TRUE(ListBackups(test.sound()).empty());
}

TEST(WriterCommit, IsRefusedToABackupThatRanTooLong) {
  TestRepository test;
  Ready ready(test, test.repository());
  test.clock.Advance(kLongestBackup + std::chrono::seconds(1));
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  EXPECT_TRUE(storage::ListAll(*test.memory, kSnapshotsPrefix).empty());
}

TEST(WriterCommit, RefusesToReplaceAnotherBackupOfTheSameName) {
  TestRepository test;
  (void)WriteModel(test.repository(), Id(1), FirstModel());
  Ready ready(test, test.repository());
  EXPECT_EQ(KindThrownBy([&] { (void)ready.writer.Commit(ready.draft); }),
            base::ErrorKind::kConflict);
  ExpectAllReadable(test, {{Id(1), FirstModel()}});
}

TEST(WriterCommit, RefusesATreeThatNamesAPackStillBeingBuilt) {
  TestRepository test;
  Writer writer(test.repository(), {.id = Id(1), .parent = {}, .log_start = {}, .compression = {}});
  DataWriter data(writer);
  TreeEntry entry;
  entry.path = "a";
  entry.size = 5;
  entry.content = ExtentContent{{{data.AppendBytes(base::Bytes(5, 7)), 0, 5}}, {}};
  TreeWriter tree(writer.meta());
  tree.Add(entry);
  EXPECT_EQ(KindThrownBy([&] { (void)tree.Finish(); }), base::ErrorKind::kInternal);
}

TEST(Writer, TakesDataFromSeveralThreads) {
  TestRepository test;
  Writer writer(
      test.repository(),
      {.id = Id(1), .parent = {}, .log_start = {}, .pack_size = 8 * base::kKiB, .compression = {}});
  std::vector<ExtentContent> contents(4);
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < contents.size(); ++number) {
    threads.emplace_back([&, number] {
      DataWriter data(writer);
      for (std::uint32_t i = 0; i < 20; ++i) {
        const base::Bytes page = ModelPage(i, static_cast<std::uint32_t>(number + 1));
        contents[number].extents.push_back({data.AppendBytes(page), 0, kPageSize});
        writer.KeepAlive();
      }
      data.Flush();
      contents[number] = StoreExtents(writer, contents[number].extents);
    });
  }
  for (std::thread& thread : threads) thread.join();
  TreeWriter tree(writer.meta());
  for (std::size_t number = 0; number < contents.size(); ++number) {
    TreeEntry entry;
    entry.path = std::to_string(number);
    entry.size = 20 * kPageSize;
    entry.content = contents[number];
    tree.Add(entry);
  }
  SnapshotDraft draft;
  draft.tree = tree.Finish();
  const Model model = ReadModel(test.sound(), writer.Commit(draft));
  for (std::uint32_t number = 0; number < 4; ++number) {
    const base::Bytes& file = model.plain.at(std::to_string(number));
    EXPECT_TRUE(base::Equal(base::ByteView(file).last(kPageSize), ModelPage(19, number + 1)));
  }
}

// Strikes at every request of a second backup in turn.
class FaultSweep : public testing::TestWithParam<FaultKind> {};

TEST_P(FaultSweep, LeavesEveryListedBackupReadableAndTheNextOnePossible) {
  TestRepository origin;
  const ModelBackup first = WriteModel(origin.repository(), Id(1), FirstModel());
  const ModelParent parent{first.snapshot, FirstModel()};
  std::uint64_t strikes = 0;
  for (std::uint64_t call = 0;; ++call) {
    const auto test = origin.Clone();
    const std::uint64_t calls_before = test->faulty->call_count();
    test->faulty->Inject({.kind = GetParam(), .call = call});
    bool committed = false;
    try {
      (void)WriteModel(test->repository(), Id(2), SecondModel(), parent);
      committed = true;
    } catch (const base::Error& error) {
      ASSERT_EQ(error.kind(), base::ErrorKind::kUnavailable) << error.message();
    } catch (const storage::SimulatedCrash&) {
    }
    const std::vector<BackupId> listed = ListBackups(test->sound());
    ASSERT_TRUE(!committed || std::ranges::find(listed, Id(2)) != listed.end()) << call;
    ExpectAllReadable(*test, {{Id(1), FirstModel()}, {Id(2), SecondModel()}});
    ASSERT_FALSE(HasFatalFailure()) << call;

    (void)WriteModel(test->sound(), Id(3), SecondModel(), parent);
    ExpectAllReadable(*test,
                      {{Id(1), FirstModel()}, {Id(2), SecondModel()}, {Id(3), SecondModel()}});
    ASSERT_FALSE(HasFatalFailure()) << call;
    if (test->faulty->call_count() - calls_before <= call) break;
    ++strikes;
  }
  EXPECT_GT(strikes, 15U);
}

INSTANTIATE_TEST_SUITE_P(Writer, FaultSweep,
                         testing::Values(FaultKind::kCrashNotApplied, FaultKind::kCrashApplied,
                                         FaultKind::kFailNotApplied, FaultKind::kFailApplied));

}  // namespace
}  // namespace holdfast::repo
