#include "wal/change_search.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "pg/testing/wal_builder.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

constexpr std::uint64_t kFirst = 2;  // the segment that the WAL begins with
constexpr pg::RelationFork kTable{.relation = {1663, 5, 16384}, .fork = pg::Fork::kMain};

// Touches one block and carries `length` bytes of data.
base::Bytes Body(pg::BlockNumber block, std::uint32_t length) {
  base::ByteWriter out;
  out.U8(0);
  out.U8(0x40);
  out.U16(0);
  out.U32(kTable.relation.tablespace);
  out.U32(kTable.relation.database);
  out.U32(kTable.relation.number);
  out.U32(block);
  out.U8(254);
  out.U32(length);
  out.Raw(base::Bytes(length, 7));
  return out.Take();
}

// A server that has written some WAL, of which parts are archived.
struct Scene : ArchiveFixture {
  pg::WalBuilder builder{
      {.segment_size = kSmall, .system_identifier = kSystem, .start = At(kFirst)}};
  Summaries summaries = archive.summaries();
  std::map<std::string, base::Bytes> pg_wal;
  int server_reads = 0;
  Lineage lineage = pg::TimelineHistory().Spans();
  std::vector<pg::Lsn> records;  // record n touches block n

  // As many records as fill so many segments; the last one is open.
  explicit Scene(std::uint64_t segments, std::uint32_t length = 3000) {
    while (builder.position() < At(kFirst + segments - 1, 10'000)) Touch(length);
    for (std::uint64_t n = 0; n < segments; ++n) pg_wal[Name(1, kFirst + n)] = Segment(n);
  }
  void Touch(std::uint32_t length) {
    const auto block = static_cast<pg::BlockNumber>(records.size());
    records.push_back(builder.Record(pg::ResourceManager::kHeap, 0, Body(block, length)));
  }
  base::Bytes Segment(std::uint64_t n) const {
    const base::Bytes all = builder.Padded();
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(n * kSmallBytes);
    return {begin, begin + kSmallBytes};
  }

  enum class Kept { kNothing, kWal, kBoth };
  void Store(std::uint64_t n, Kept kept) {
    const std::string name = Name(1, kFirst + n);
    if (kept == Kept::kNothing) return;
    (void)archive.Put(kSystem, name, Segment(n));
    if (kept == Kept::kWal) return;
    const auto before = [&](std::uint64_t count) -> std::optional<base::Bytes> {
      if (n == 0) return std::nullopt;
      const base::Bytes whole = Segment(n - 1);
      return base::Bytes(whole.end() - static_cast<std::ptrdiff_t>(count), whole.end());
    };
    EXPECT_EQ(SummariseInto(summaries, kSystem, name, Segment(n), before), std::nullopt);
  }
  void StoreAllWhole(Kept kept) {
    for (std::uint64_t n = 0; n + 1 < pg_wal.size(); ++n) Store(n, kept);
  }

  FoundChanges Find(std::size_t from, std::size_t to) { return Find(from, to, archive); }
  FoundChanges Find(std::size_t from, std::size_t to, Archive& in) {
    const ReadServerWal server = [&](std::string_view name, std::uint64_t offset,
                                     base::MutableByteView out) -> std::optional<std::size_t> {
      const auto file = pg_wal.find(std::string(name));
      if (file == pg_wal.end()) return std::nullopt;
      ++server_reads;
      const std::size_t count = std::min<std::size_t>(out.size(), file->second.size() - offset);
      std::copy_n(file->second.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
      return count;
    };
    return FindChanges(in, server,
                       {.system = kSystem,
                        .segment_size = kSmall,
                        .lineage = lineage,
                        .from = records.at(from),
                        .to = records.at(to)},
                       {});
  }
  void ExpectFound(const FoundChanges& found, std::size_t from, std::size_t to) {
    const pg::ForkChanges* table = found.changes.Find(kTable);
    ASSERT_NE(table, nullptr);
    for (std::size_t n = from; n < to; ++n) {
      EXPECT_TRUE(table->blocks.Contains(static_cast<pg::BlockNumber>(n))) << n;
    }
  }
  void ExpectGap(std::size_t from, std::size_t to, std::string_view says) {
    try {
      (void)Find(from, to);
      ADD_FAILURE() << "no gap was found";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kNotFound);
      EXPECT_NE(error.message().find(says), std::string::npos) << error.message();
    }
  }
};

using Kept = Scene::Kept;

TEST(ChangeSearch, ReadsNoWalWhereThereAreSummaries) {
  Scene scene(4);
  scene.StoreAllWhole(Kept::kBoth);
  const std::size_t last = scene.records.size() - 1;
  const FoundChanges found = scene.Find(10, last);
  scene.ExpectFound(found, 10, last);
  EXPECT_EQ(found.from_summaries, 3U);
  EXPECT_EQ(found.from_wal, 1U);  // the open one
  EXPECT_FALSE(found.changes.Find(kTable)->blocks.Contains(static_cast<pg::BlockNumber>(last)));
}

TEST(ChangeSearch, ReadsTheWalWhereThereAreNoneAndKeepsWhatItFound) {
  for (const Kept kept : {Kept::kNothing, Kept::kWal}) {
    Scene scene(4);
    scene.StoreAllWhole(kept);
    const std::size_t last = scene.records.size() - 1;
    const FoundChanges found = scene.Find(10, last);
    scene.ExpectFound(found, 10, last);
    EXPECT_EQ(found.from_wal, 4U);
    const FoundChanges again = scene.Find(10, last);
    EXPECT_EQ(again.changes, found.changes);
    // Of what is in the archive.
    EXPECT_EQ(again.from_summaries, kept == Kept::kWal ? 3U : 0U);
  }
}

TEST(ChangeSearch, MixesWhatIsThereInAnyWay) {
  Scene reference(4);
  reference.StoreAllWhole(Kept::kBoth);
  const std::size_t last = reference.records.size() - 1;
  const pg::BlockChanges expected = reference.Find(0, last).changes;
  for (int mix = 0; mix < 27; ++mix) {
    Scene scene(4);
    int rest = mix;
    for (std::uint64_t n = 0; n < 3; ++n, rest /= 3) {
      scene.Store(n, std::array{Kept::kNothing, Kept::kWal, Kept::kBoth}.at(
                         static_cast<std::size_t>(rest % 3)));
    }
    EXPECT_EQ(scene.Find(0, last).changes, expected) << mix;
  }
}

TEST(ChangeSearch, ASummaryThatMissesARecordIsMadeAnew) {
  Scene scene(3);
  scene.StoreAllWhole(Kept::kWal);
  const auto nothing = [](std::uint64_t) { return std::nullopt; };
  ASSERT_FALSE(
      SummariseInto(scene.summaries, kSystem, Name(1, kFirst + 1), scene.Segment(1), nothing));
  const pg::Lsn holed = scene.summaries.Get(kSystem, Name(1, kFirst + 1))->start;
  ASSERT_GT(holed, At(kFirst + 1));
  const std::size_t last = scene.records.size() - 1;
  scene.ExpectFound(scene.Find(0, last), 0, last);
  EXPECT_LT(scene.summaries.Get(kSystem, Name(1, kFirst + 1))->start, At(kFirst + 1));
  // And it is not taken back by one that says less.
  ASSERT_FALSE(
      SummariseInto(scene.summaries, kSystem, Name(1, kFirst + 1), scene.Segment(1), nothing));
  EXPECT_LT(scene.summaries.Get(kSystem, Name(1, kFirst + 1))->start, At(kFirst + 1));
}

TEST(ChangeSearch, ADamagedSummaryIsMadeAnew) {
  Scene scene(3);
  scene.StoreAllWhole(Kept::kBoth);
  const std::string object =
      SummaryObject(SummaryPrefix("shop", kSystem), pg::TimelineId(1), Name(1, kFirst));
  base::Bytes altered = *scene.storage->Get(object);
  altered[altered.size() / 2] ^= 1;
  (void)scene.storage->Remove(object);
  (void)scene.storage->Put(object, altered);
  EXPECT_FALSE(scene.summaries.Get(kSystem, Name(1, kFirst)));
  const std::size_t last = scene.records.size() - 1;
  scene.ExpectFound(scene.Find(0, last), 0, last);
  EXPECT_TRUE(scene.summaries.Get(kSystem, Name(1, kFirst)));
}

TEST(ChangeSearch, NamesWhatIsMissing) {
  Scene scene(4);
  const std::size_t last = scene.records.size() - 1;
  scene.pg_wal.erase(Name(1, kFirst + 1));
  scene.ExpectGap(0, last, Name(1, kFirst + 1) + " is neither in the archive nor on the server");
  // The segment before a summary without its record: that one reaches into it.
  scene.Store(2, Kept::kWal);
  scene.ExpectGap(0, last, Name(1, kFirst + 1));
}

TEST(ChangeSearch, ARecycledFileIsNotTheSegment) {
  Scene scene(4);
  scene.pg_wal[Name(1, kFirst + 1)] = scene.Segment(0);
  scene.ExpectGap(0, scene.records.size() - 1, "neither in the archive nor on the server");
}

TEST(ChangeSearch, WalThatStopsEarlyIsAGap) {
  Scene scene(3);
  base::Bytes torn = scene.Segment(1);
  torn[500'000] ^= 1;
  scene.pg_wal[Name(1, kFirst + 1)] = torn;
  scene.ExpectGap(0, scene.records.size() - 1, Name(1, kFirst + 2));
  Scene open(2);
  open.pg_wal[Name(1, kFirst + 1)][5'000] ^= 1;
  open.ExpectGap(0, open.records.size() - 1, "it ends there");
}

TEST(ChangeSearch, ARecordLongerThanASegmentIsNotFollowed) {
  Scene scene(2);
  scene.Touch(3 * kSmallBytes);
  scene.Touch(100);
  scene.Touch(100);
  for (std::uint64_t n = 0; n < 5; ++n) scene.pg_wal[Name(1, kFirst + n)] = scene.Segment(n);
  scene.ExpectGap(0, scene.records.size() - 1, "cannot be followed");
}

TEST(ChangeSearch, AKeyThatOnlyAddsFindsThemToo) {
  Scene scene(4);
  scene.StoreAllWhole(Kept::kBoth);
  const std::size_t last = scene.records.size() - 1;
  const repo::Repository host = scene.AddOnly();
  Archive as_host(host, "shop");
  scene.ExpectFound(scene.Find(0, last, as_host), 0, last);
}

TEST(ChangeSearch, StartsBehindPageHeaders) {
  // From the first record of one segment to the first of another: nothing of the last is needed.
  Scene scene(3);
  scene.StoreAllWhole(Kept::kBoth);
  (void)scene.builder.Switch();
  scene.Touch(100);
  scene.pg_wal = {{Name(1, kFirst + 3), scene.Segment(3)}};
  scene.Store(2, Kept::kBoth);
  const FoundChanges found = scene.Find(0, scene.records.size() - 1);
  EXPECT_EQ(found.from_summaries, 3U);
  EXPECT_EQ(found.from_wal, 0U);
}

// The server was taken back to a snapshot of its disk, and went on past where it had been: what is
// in the archive is not what it wrote.
TEST(ChangeSearch, DoesNotBelieveAnotherHistoryOfTheSameTimeline) {
  Scene archived(3);
  archived.StoreAllWhole(Kept::kBoth);
  Scene other(3, 2900);
  (void)other.builder.Switch();
  other.Touch(100);
  // From the same place, by the archive of the first history to the server of the second.
  other.pg_wal = {{Name(1, kFirst + 3), other.Segment(3)}};
  archived.pg_wal = other.pg_wal;
  (void)archived.builder.Switch();
  archived.Store(2, Kept::kBoth);
  archived.records.push_back(other.records.back());
  archived.ExpectGap(0, archived.records.size() - 1, "does not lead to");
}

// What timeline 1 wrote after timeline 2 left it is not of this history, though its file of the
// same segment is there.
TEST(ChangeSearch, FollowsTheLineageIntoItsOwnSegments) {
  Scene scene(2);
  const pg::Lsn left = scene.builder.Switch();
  const auto abandoned = static_cast<pg::BlockNumber>(scene.records.size());
  for (int i = 0; i < 500; ++i) scene.Touch(3000);
  for (std::uint64_t n = 0; n < 4; ++n) scene.Store(n, Kept::kBoth);
  const pg::TimelineHistory history(pg::TimelineId(2),
                                    {{pg::TimelineId(1), At(kFirst + 2, 40), ""}});
  scene.lineage = history.Spans();
  pg::WalBuilder branch({.segment_size = kSmall,
                         .system_identifier = kSystem,
                         .timeline = pg::TimelineId(2),
                         .start = At(kFirst + 2),
                         .previous = left});
  (void)branch.Record(pg::ResourceManager::kHeap, 0, Body(7777, 100));
  scene.records.push_back(branch.Record(pg::ResourceManager::kHeap, 0, Body(7778, 100)));
  scene.pg_wal = {{Name(2, kFirst + 2), branch.Padded()}};
  const FoundChanges found = scene.Find(0, scene.records.size() - 1);
  scene.ExpectFound(found, 0, abandoned);
  EXPECT_TRUE(found.changes.Find(kTable)->blocks.Contains(7777));
  EXPECT_FALSE(found.changes.Find(kTable)->blocks.Contains(abandoned));
}

}  // namespace
}  // namespace holdfast::wal
