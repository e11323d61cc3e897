#include "wal/summary.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "pg/testing/wal_builder.h"
#include "pg/wal_reader.h"

namespace holdfast::wal {
namespace {

constexpr std::uint64_t kSegment = base::kMiB;

// Touches one block and carries `length` bytes of data.
base::Bytes Body(pg::BlockNumber block, std::uint32_t length) {
  base::ByteWriter out;
  out.U8(0);
  out.U8(0x40);  // no image, no data, main fork
  out.U16(0);
  out.U32(1663);
  out.U32(5);
  out.U32(16384);
  out.U32(block);
  out.U8(254);
  out.U32(length);
  out.Raw(base::Bytes(length, 7));
  return out.Take();
}

// WAL as a server writes it, with what it changes from one reading of it all.
struct Written {
  pg::WalBuilder builder{{}};

  void Touch(pg::BlockNumber block, std::uint32_t length = 0) {
    (void)builder.Record(pg::ResourceManager::kHeap, 0, Body(block, length));
  }
  void Abandon() {
    const pg::Lsn lost = builder.LostRecord();
    base::ByteWriter data;
    data.U64(lost.value());
    data.U64(0);
    (void)builder.MainDataRecord(pg::ResourceManager::kXlog, 0xD0, data.view());
  }
  // Leaves `left` bytes of the segment.
  void FillUpTo(std::uint64_t left) {
    const auto room = [&] { return kSegment - builder.position().value() % kSegment; };
    while (room() > left + 20'000) Touch(1, 7000);
    while (room() > left) Touch(1);
  }

  base::Bytes Segment(std::size_t index) const {
    const base::Bytes all = builder.Padded();
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(index * kSegment);
    return {begin, begin + static_cast<std::ptrdiff_t>(kSegment)};
  }
  pg::Lsn At(std::size_t index) const { return builder.start() + index * kSegment; }
  PreviousSegment Before(std::size_t index) const {
    return [this, index](std::uint64_t count) -> std::optional<base::Bytes> {
      if (index == 0) return std::nullopt;
      const base::Bytes whole = Segment(index - 1);
      return base::Bytes(whole.end() - static_cast<std::ptrdiff_t>(count), whole.end());
    };
  }
  std::optional<Summary> Summarised(std::size_t index) const {
    return Summarise(Segment(index), Before(index));
  }
  std::optional<Summary> Alone(std::size_t index) const {
    return Summarise(Segment(index), [](std::uint64_t) { return std::nullopt; });
  }
  std::size_t segments() const { return builder.Padded().size() / kSegment; }

  pg::BlockChanges All() const {
    pg::WalReader reader({.version = pg::MajorVersion::FromNumber(15),
                          .segment_size = pg::SegmentSize::FromBytes(kSegment),
                          .start = builder.start()});
    reader.Feed(builder.bytes());
    pg::BlockChanges changes;
    while (const pg::WalRecord* record = reader.Next()) {
      changes.Note(*record, pg::MajorVersion::FromNumber(15));
    }
    return changes;
  }
};

// Each begins where the one before ends, and together they are all.
void ExpectWhole(const Written& written) {
  pg::BlockChanges together;
  pg::Lsn end = written.builder.start();
  pg::Lsn last;
  for (std::size_t i = 0; i < written.segments(); ++i) {
    const std::optional<Summary> summary = written.Summarised(i);
    if (!summary) continue;  // the middle of a record
    EXPECT_EQ(summary->start, end) << i;
    EXPECT_EQ(summary->previous_record, last) << i;
    last = summary->last_record;
    EXPECT_EQ(DecodeSummary(EncodeSummary(*summary)), *summary);
    together.Unite(summary->changes);
    end = summary->end;
  }
  EXPECT_EQ(together, written.All());
}

TEST(Summary, OfSegmentsAbutWhereRecordsReachOverTheirEnds) {
  std::mt19937 generator(20261127);
  const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
  for (int round = 0; round < 10; ++round) {
    Written written;
    pg::BlockNumber block = 0;
    while (written.segments() < 4) {
      const std::uint32_t length = random() % 40 == 0 ? random() % 200'000 : random() % 9000;
      written.Touch(block += 1 + random() % 3, length);
      if (random() % 60 == 0) (void)written.builder.Switch();
      if (random() % 60 == 0) written.Abandon();
    }
    ExpectWhole(written);
  }
}

TEST(Summary, FindsARecordThatBeganFarBack) {
  Written written;
  written.FillUpTo(300'000);
  written.Touch(4711, 400'000);
  written.Touch(4712);
  ExpectWhole(written);
  const std::optional<Summary> second = written.Summarised(1);
  ASSERT_TRUE(second);
  EXPECT_LT(second->start, written.At(1));
  EXPECT_TRUE(second->changes.forks().begin()->second.blocks.Contains(4711));
}

TEST(Summary, OfASegmentInsideARecordThereIsNone) {
  Written written;
  written.FillUpTo(500);
  written.Touch(4711, 2 * kSegment);
  written.Touch(4712);
  ASSERT_EQ(written.segments(), 4U);
  EXPECT_FALSE(written.Summarised(1));
  EXPECT_FALSE(written.Summarised(2));
  // It began before the segment before: who puts the summaries together must read it.
  EXPECT_GT(written.Summarised(3)->start, written.At(3));
}

TEST(Summary, WithoutTheSegmentBeforeSaysThatSomethingIsMissing) {
  Written written;
  written.FillUpTo(100);
  written.Touch(4711, 500);
  written.Touch(4712);
  const std::optional<Summary> second = written.Alone(1);
  ASSERT_TRUE(second);
  EXPECT_GT(second->start, written.At(1));
  EXPECT_FALSE(second->changes.forks().begin()->second.blocks.Contains(4711));
  // What lies there is not that segment's end: of another timeline's life, of a recycled file.
  const auto other =
      Summarise(written.Segment(1), [&](std::uint64_t count) { return base::Bytes(count, 0); });
  EXPECT_EQ(*other, *second);
  const base::Bytes later = written.Segment(1);
  const auto recycled = Summarise(written.Segment(1), [&](std::uint64_t count) {
    return base::Bytes(later.begin(), later.begin() + static_cast<std::ptrdiff_t>(count));
  });
  EXPECT_EQ(*recycled, *second);
}

TEST(Summary, ARecordWhoseRestIsAnotherOnesIsNotTaken) {
  Written written;
  written.FillUpTo(100);
  written.Touch(4711, 500);
  written.Touch(4712);
  base::Bytes altered = written.Segment(0);
  altered[kSegment - 40] ^= 1;
  const auto summary = Summarise(written.Segment(1), [&](std::uint64_t count) {
    return base::Bytes(altered.end() - static_cast<std::ptrdiff_t>(count), altered.end());
  });
  EXPECT_FALSE(summary);
}

TEST(Summary, BeginsWithALostRecordThatItGivesUp) {
  Written written;
  written.FillUpTo(kSegment % pg::kWalPageSize + 300);
  written.Abandon();
  written.Touch(9);
  ASSERT_EQ(written.segments(), 2U);
  const std::optional<Summary> first = written.Summarised(0);
  EXPECT_EQ(written.Alone(1)->start, first->end);
  EXPECT_EQ(written.Summarised(1)->start, first->end);
}

TEST(Summary, OfAnOpenSegmentEndsWithItsLastWholeRecord) {
  Written written;
  written.Touch(1);
  const pg::Lsn second = written.builder.Record(pg::ResourceManager::kHeap, 0, Body(2, 5000));
  base::Bytes open = written.builder.bytes();
  open.resize(open.size() - 100);
  EXPECT_EQ(Summarise(open, written.Before(0))->end, second);
}

TEST(Summary, RefusesWhatItDoesNotKnow) {
  Written written;
  written.Touch(1);
  const base::Bytes whole = EncodeSummary(*written.Summarised(0));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_THROW(DecodeSummary(base::ByteView(whole).first(cut)), base::Error) << cut;
  }
  base::Bytes later = whole;
  later[0] = 2;
  EXPECT_THROW(DecodeSummary(later), base::Error);
  base::Bytes flags = whole;
  flags[33] |= 0x20;
  EXPECT_THROW(DecodeSummary(flags), base::Error);
}

// An altered address must not look like a fault of this program.
TEST(Summary, RefusesASegmentThatBeginsWhereNoneDoes) {
  Written written;
  written.Touch(1);
  base::Bytes segment = written.Segment(0);
  segment[8] ^= 0x4D;  // of the first page's address
  const auto none = [](std::uint64_t) -> std::optional<base::Bytes> { return std::nullopt; };
  try {
    (void)Summarise(segment, none);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
  }
}

TEST(Summary, HoldsEverythingAChangeCanBe) {
  Summary summary{.start = pg::Lsn(77),
                  .end = pg::Lsn(1),
                  .previous_record = pg::Lsn(60),
                  .last_record = pg::Lsn(~std::uint64_t{0} - 8),
                  .changes = {}};
  EXPECT_THROW(DecodeSummary(EncodeSummary(summary)), base::Error);
  summary.end = pg::Lsn(~std::uint64_t{0});
  summary.changes.RenewTablespace(16400);
  summary.changes.RenewDatabase({.tablespace = 1663, .database = 16401});
  for (const auto doubt : {pg::ChangeDoubt::kMinimalWal, pg::ChangeDoubt::kUnknownRecord,
                           pg::ChangeDoubt::kExtensionRecord}) {
    summary.changes.Doubt(doubt);
  }
  summary.changes.set_hints_unlogged();
  summary.changes.set_pages_unprotected();
  auto& fork = summary.changes.At({{1663, 16401, 0xFFFFFFFF}, pg::Fork::kInit});
  fork.RenewFrom(0);
  fork.blocks.AddRun(0, 100);
  fork.blocks.AddRun(0xFFFFFFF0, 16);
  summary.changes.At({{1663, 16401, 0xFFFFFFFF}, pg::Fork::kMain}).RenewFrom(0xFFFFFFFF);
  EXPECT_EQ(DecodeSummary(EncodeSummary(summary)), summary);
}

}  // namespace
}  // namespace holdfast::wal
