#include "repo/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/snapshot_codec.h"
#include "repo/testing/model_backup.h"

namespace holdfast::repo {
namespace {

using base::ErrorKind;

BackupId Id(std::string_view text) { return BackupId::Parse(text); }
const BackupId kFirst = Id("shop/20261121T070003Z-4f2a");
const BackupId kSecond = Id("shop/20261122T070003Z-00aa");
const BackupId kOther = Id("till/20261121T070003Z-4f2a");

std::vector<ShortPackId> Packs(std::uint8_t count) {
  std::vector<ShortPackId> packs(count);
  for (std::uint8_t i = 0; i < count; ++i) packs[i].bytes.fill(i);
  return packs;
}

Snapshot Example(const BackupId& id) {
  Snapshot snapshot;
  snapshot.id = id;
  snapshot.facts.kind = "cluster";
  snapshot.facts.started = base::Time(base::Duration(1'800'000'000'123'456));
  snapshot.facts.finished = snapshot.facts.started + std::chrono::hours(2);
  snapshot.facts.log = LogRange{.system = 7'000'000'000'000'000'001ULL,
                                .timeline = 3,
                                .start = 0xFFFFFFFFFFFFFF28ULL,
                                .stop = 0xFFFFFFFFFFFFFFFFULL};
  snapshot.facts.tree.index_frames = {{PackId{}, 4}};
  snapshot.facts.tree.index_frames[0].pack.bytes.fill(9);
  snapshot.facts.tree.entry_count = 12;
  snapshot.facts.tree.total_size = (std::uint64_t{1} << 53) + 1;
  snapshot.facts.parent = kOther;
  snapshot.facts.labels = {{"host", "db1"}};
  snapshot.facts.pinned = true;
  snapshot.facts.warnings = {"a page was torn"};
  snapshot.facts.attributes = {{"version", 17}};
  snapshot.sequence = 5;
  snapshot.previous = codec::Sha256({});
  snapshot.pack_count = 3;
  return snapshot;
}

void Put(TestRepository& test, const Snapshot& snapshot) {
  const base::Bytes object = EncodeSnapshot(test.sound().keyring(), snapshot,
                                            Packs(static_cast<std::uint8_t>(snapshot.pack_count)));
  ASSERT_EQ(test.memory->Put(SnapshotObject(snapshot.id), object), storage::PutOutcome::kStored);
}

ErrorKind KindThrownBy(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return ErrorKind::kInternal;
}

void ExpectSame(const Snapshot& a, const Snapshot& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(FormatSnapshotBody(a), FormatSnapshotBody(b));
  EXPECT_EQ(a.facts.kind, b.facts.kind);
  EXPECT_EQ(a.facts.started, b.facts.started);
  EXPECT_EQ(a.facts.log, b.facts.log);
  EXPECT_EQ(a.pack_count, b.pack_count);
}

TEST(Snapshot, GivesBackEveryFactWithNumbersOver53Bits) {
  TestRepository test;
  Put(test, Example(kFirst));
  const Snapshot read = ReadSnapshot(test.sound(), kFirst);
  ExpectSame(read, Example(kFirst));
  EXPECT_EQ(read.facts.log->stop, 0xFFFFFFFFFFFFFFFFULL);
  EXPECT_EQ(read.facts.tree.total_size, (std::uint64_t{1} << 53) + 1);
  EXPECT_EQ(read.previous, Example(kFirst).previous);
}

TEST(Snapshot, SaysItsPlainPartAndItsPacksWithoutAKey) {
  TestRepository test;
  Put(test, Example(kFirst));
  const PlainSnapshot plain = ReadPlainSnapshot(*test.memory, kFirst);
  EXPECT_EQ(plain.kind, "cluster");
  EXPECT_EQ(plain.log, Example(kFirst).facts.log);
  EXPECT_EQ(plain.pack_count, 3U);
  EXPECT_EQ(ReadPackList(*test.memory, kFirst), Packs(3));
}

TEST(Snapshot, IsReadWhenItsHeadIsLongerThanTheFirstGuess) {
  TestRepository test;
  Snapshot snapshot = Example(kFirst);
  std::uint32_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 1664525U + 1013904223U;
    snapshot.facts.warnings.push_back(std::to_string(state));
  }
  Put(test, snapshot);
  ASSERT_GT(test.memory->Stat(SnapshotObject(kFirst))->size, 64 * base::kKiB);
  ExpectSame(ReadSnapshot(test.sound(), kFirst), snapshot);
}

TEST(Snapshot, IsRefusedWhenAnyByteOfItIsAltered) {
  TestRepository test;
  Put(test, Example(kFirst));
  const base::Bytes good = storage::GetExisting(*test.memory, SnapshotObject(kFirst));
  const std::size_t head = ParseSnapshotHead(kFirst, good).head->sealed_end;
  for (std::size_t position = 0; position < good.size(); ++position) {
    base::Bytes bad = good;
    bad[position] ^= 1;
    EXPECT_NE(KindThrownBy([&] { (void)ParsePackList(kFirst, bad); }), ErrorKind::kInternal)
        << position;
    if (position >= head) continue;
    EXPECT_NE(KindThrownBy([&] {
                const SnapshotHeadOrNeed parsed = ParseSnapshotHead(kFirst, bad);
                if (!parsed.head) throw base::Error(ErrorKind::kCorrupt, "cut");
                (void)OpenSnapshot(test.sound().keyring(), *parsed.head, bad);
              }),
              ErrorKind::kInternal)
        << position;
  }
}

TEST(Snapshot, IsRefusedWhenCutAnywhere) {
  TestRepository test;
  Put(test, Example(kFirst));
  const base::Bytes good = storage::GetExisting(*test.memory, SnapshotObject(kFirst));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(KindThrownBy([&] { (void)ParsePackList(kFirst, base::ByteView(good).first(size)); }),
              ErrorKind::kCorrupt);
  }
  test.faulty->TruncateAtRest(SnapshotObject(kFirst), 100);
  EXPECT_EQ(KindThrownBy([&] { (void)ReadSnapshot(test.sound(), kFirst); }), ErrorKind::kCorrupt);
}

TEST(Snapshot, IsLookedAtToItsEndWhenThatComesAlong) {
  TestRepository test;
  Put(test, Example(kFirst));
  const base::Bytes good = storage::GetExisting(*test.memory, SnapshotObject(kFirst));
  test.faulty->FlipBitAtRest(SnapshotObject(kFirst), good.size() - 40);  // in the list of packs
  EXPECT_EQ(KindThrownBy([&] { (void)ReadSnapshot(test.repository(), kFirst); }),
            ErrorKind::kCorrupt);
}

TEST(Snapshot, IsRefusedUnderTheNameOfAnother) {
  TestRepository test;
  Put(test, Example(kFirst));
  const base::Bytes object = storage::GetExisting(*test.memory, SnapshotObject(kFirst));
  ASSERT_EQ(test.memory->Put(SnapshotObject(kSecond), object), storage::PutOutcome::kStored);
  EXPECT_EQ(KindThrownBy([&] { (void)ReadSnapshot(test.sound(), kSecond); }), ErrorKind::kCorrupt);
}

TEST(Snapshot, OfANewerFormatIsRefusedByNameAndHidesNoOther) {
  TestRepository test;
  Put(test, Example(kFirst));
  base::Bytes object = storage::GetExisting(*test.memory, SnapshotObject(kFirst));
  object[6] = 2;
  ASSERT_EQ(test.memory->Put(SnapshotObject(kSecond), object), storage::PutOutcome::kStored);
  std::vector<BackupId> damaged;
  const auto snapshots =
      ReadSnapshots(test.sound(), "shop", [&](const BackupId& id, const base::Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        EXPECT_THAT(error.message(), testing::HasSubstr("snapshot format 2"));
        damaged.push_back(id);
      });
  EXPECT_EQ(snapshots.size(), 1U);
  EXPECT_EQ(damaged, std::vector{kSecond});
}

TEST(ReadSnapshots, TakesASilentStoreForNoAnswerRatherThanForDamage) {
  TestRepository test;
  Put(test, Example(kFirst));
  test.faulty->Inject({.verb = storage::Verb::kGetRange});
  EXPECT_EQ(KindThrownBy([&] {
              (void)ReadSnapshots(test.repository(), "",
                                  [](const BackupId&, const base::Error&) {});
            }),
            ErrorKind::kUnavailable);
}

TEST(ListBackups, LeavesOutTombstonedOnesAndForeignObjects) {
  TestRepository test;
  Put(test, Example(kFirst));
  Put(test, Example(kSecond));
  Put(test, Example(kOther));
  ASSERT_EQ(test.memory->Put(TombstoneObject(kFirst), {}), storage::PutOutcome::kStored);
  ASSERT_EQ(test.memory->Put("snapshots/shop/README", {}), storage::PutOutcome::kStored);
  EXPECT_EQ(ListBackups(test.sound()), (std::vector{kSecond, kOther}));
  EXPECT_EQ(ListBackups(test.sound(), "till"), std::vector{kOther});
  EXPECT_EQ(ListSources(test.sound()), (std::vector<std::string>{"shop", "till"}));
  const SnapshotListing listing = ListSnapshotObjects(*test.memory);
  EXPECT_EQ(listing.foreign, std::vector<std::string>{"snapshots/shop/README"});
  EXPECT_TRUE(listing.tombstones.contains(kFirst));
}

TEST(ResolveBackup, TakesFullIdsUniquePrefixesAndLatest) {
  TestRepository test;
  Put(test, Example(kFirst));
  Put(test, Example(kSecond));
  Put(test, Example(kOther));
  const Repository& repository = test.sound();
  EXPECT_EQ(ResolveBackup(repository, "shop/20261121T070003Z-4f2a"), kFirst);
  EXPECT_EQ(ResolveBackup(repository, "shop/20261122"), kSecond);
  EXPECT_EQ(ResolveBackup(repository, "20261122"), kSecond);
  EXPECT_EQ(ResolveBackup(repository, "shop/latest"), kSecond);
  EXPECT_EQ(ResolveBackup(repository, "till"), kOther);
  EXPECT_EQ(KindThrownBy([&] { (void)ResolveBackup(repository, "shop"); }), ErrorKind::kUsage);
  EXPECT_EQ(KindThrownBy([&] { (void)ResolveBackup(repository, "20261121"); }), ErrorKind::kUsage);
  EXPECT_EQ(KindThrownBy([&] { (void)ResolveBackup(repository, "shop/2025"); }),
            ErrorKind::kNotFound);
  EXPECT_EQ(KindThrownBy([&] { (void)ResolveBackup(repository, "bank/latest"); }),
            ErrorKind::kNotFound);
  EXPECT_EQ(KindThrownBy([&] { (void)ResolveBackup(repository, ""); }), ErrorKind::kNotFound);
}

// Their names say the opposite.
TEST(ResolveBackup, TakesTheLaterOfTwoBackupsOfOneSecond) {
  TestRepository test;
  const BackupId later = BackupId::Parse("shop/20261123T070003Z-0001");
  const BackupId earlier = BackupId::Parse("shop/20261123T070003Z-fff0");
  Snapshot snapshot = Example(earlier);
  Put(test, snapshot);
  snapshot.id = later;
  snapshot.facts.started += std::chrono::microseconds(1);
  Put(test, snapshot);
  EXPECT_EQ(ResolveBackup(test.sound(), "shop/latest"), later);
  // In the same microsecond, whichever was committed later.
  const BackupId last = BackupId::Parse("shop/20261123T070003Z-0000");
  snapshot.id = last;
  ++snapshot.sequence;
  Put(test, snapshot);
  EXPECT_EQ(ResolveBackup(test.sound(), "shop/latest"), last);
  std::vector<BackupId> order;
  for (const Snapshot& read : ReadSnapshots(test.sound(), "shop")) order.push_back(read.id);
  EXPECT_EQ(order, (std::vector{earlier, later, last}));
}

TEST(ResolveBackup, NamesNoneTheLatestWhileOneOfItsSecondCannotBeRead) {
  TestRepository test;
  Put(test, Example(BackupId::Parse("shop/20261123T070003Z-0001")));
  const BackupId damaged = BackupId::Parse("shop/20261123T070003Z-0000");
  ASSERT_EQ(test.memory->Put(SnapshotObject(damaged), base::AsBytes("no record")),
            storage::PutOutcome::kStored);
  EXPECT_EQ(KindThrownBy([&] { (void)ResolveBackup(test.sound(), "shop/latest"); }),
            ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace holdfast::repo
