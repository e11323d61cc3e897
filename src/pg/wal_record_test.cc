#include "pg/wal_record.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "base/error.h"
#include "pg/testing/wal_builder.h"
#include "pg/time.h"

namespace holdfast::pg {
namespace {

const MajorVersion k14 = MajorVersion::FromNumber(14);
const MajorVersion k15 = MajorVersion::FromNumber(15);

// A record around `body`, without a right CRC.
base::Bytes Whole(ResourceManager manager, std::uint8_t info, base::ByteView body) {
  base::ByteWriter out;
  out.U32(static_cast<std::uint32_t>(kWalRecordHeaderSize + body.size()));
  out.U32(0);
  out.U64(0);
  out.U8(info);
  out.U8(static_cast<std::uint8_t>(manager));
  out.U16(0);
  out.U32(0);
  out.Raw(body);
  return out.Take();
}

// One block with an image whose info byte is `info`, another of the same relation with data.
base::Bytes TwoBlocks(std::uint8_t image_info, bool with_hole_length) {
  base::ByteWriter out;
  out.U8(0);
  out.U8(0x10 | 0x40);  // image, will initialise, main fork
  out.U16(0);
  out.U16(5);  // image length
  out.U16(100);
  out.U8(image_info);
  if (with_hole_length) out.U16(50);
  out.U32(1663);
  out.U32(5);
  out.U32(16384);
  out.U32(77);
  out.U8(3);
  out.U8(0x80 | 0x20 | 2);  // same relation, data, visibility map
  out.U16(2);
  out.U32(1);
  out.U8(255);
  out.U8(4);
  out.Raw("image");
  out.Raw("da");
  out.Raw("main");
  return out.Take();
}

TEST(WalRecord, NamesThePagesItChanges) {
  const base::Bytes bytes = Whole(ResourceManager::kHeap, 0, TwoBlocks(0x01 | 0x02, false));
  WalRecord record;
  DecodeWalRecord(bytes, k15, record);
  ASSERT_EQ(record.blocks.size(), 2U);
  const BlockReference& first = record.blocks[0];
  EXPECT_EQ(first.relation, (RelationId{1663, 5, 16384}));
  EXPECT_EQ(first.fork, Fork::kMain);
  EXPECT_EQ(first.block, 77U);
  EXPECT_TRUE(first.has_image);
  EXPECT_TRUE(first.image_is_applied);
  EXPECT_TRUE(first.will_initialise);
  EXPECT_EQ(base::AsText(first.image), "image");
  const BlockReference& second = record.blocks[1];
  EXPECT_EQ(second.id, 3);
  EXPECT_EQ(second.relation, first.relation);
  EXPECT_EQ(second.fork, Fork::kVm);
  EXPECT_EQ(second.block, 1U);
  EXPECT_FALSE(second.has_image);
  EXPECT_EQ(base::AsText(second.data), "da");
  EXPECT_EQ(base::AsText(record.main_data), "main");
}

TEST(WalRecord, ImageFlagsChangedAt15) {
  WalRecord record;
  // 14: a hole, compressed with a length of the hole, applied.
  const base::Bytes older = Whole(ResourceManager::kHeap, 0, TwoBlocks(0x01 | 0x02 | 0x04, true));
  DecodeWalRecord(older, k14, record);
  EXPECT_TRUE(record.blocks[0].image_is_applied);
  EXPECT_EQ(base::AsText(record.main_data), "main");
  // 15: a hole, zstd, not applied.
  const base::Bytes newer = Whole(ResourceManager::kHeap, 0, TwoBlocks(0x01 | 0x10, true));
  DecodeWalRecord(newer, k15, record);
  EXPECT_FALSE(record.blocks[0].image_is_applied);
  EXPECT_EQ(base::AsText(record.main_data), "main");
  EXPECT_THROW(DecodeWalRecord(newer, k14, record), base::Error);
}

TEST(WalRecord, PartsThatDoNotFitAreCorrupt) {
  const base::Bytes body = TwoBlocks(0x03, false);
  WalRecord record;
  for (std::size_t length = 1; length < body.size(); ++length) {
    if (length == 30 || length == 40) continue;  // whole records of one and two parts less
    const base::Bytes cut = Whole(ResourceManager::kHeap, 0, base::ByteView(body).first(length));
    EXPECT_THROW(DecodeWalRecord(cut, k15, record), base::Error) << length;
  }
  base::Bytes more = body;
  more.push_back(0);
  EXPECT_THROW(DecodeWalRecord(Whole(ResourceManager::kHeap, 0, more), k15, record), base::Error);
  base::Bytes unknown_fork = body;
  unknown_fork[1] |= 0x0F;
  EXPECT_THROW(DecodeWalRecord(Whole(ResourceManager::kHeap, 0, unknown_fork), k15, record),
               base::Error);
}

WalRecord MainData(ResourceManager manager, std::uint8_t info, base::ByteView data) {
  WalRecord record;
  record.header.resource_manager = manager;
  record.header.info = info;
  record.main_data = data;
  return record;
}

TEST(WalRecord, TellsWhenATransactionEnded) {
  base::ByteWriter data;
  data.U64(833'500'800'000'001);
  const base::Time expected = FromTimestampTz(833'500'800'000'001);
  for (const int info : {0x00, 0x20, 0x30, 0x40, 0x80, 0xA0, 0xB0, 0xC0}) {
    EXPECT_EQ(CommitTime(MainData(ResourceManager::kTransaction, static_cast<std::uint8_t>(info),
                                  data.view())),
              expected);
  }
  for (const int info : {0x10, 0x50, 0x60}) {
    EXPECT_FALSE(CommitTime(
        MainData(ResourceManager::kTransaction, static_cast<std::uint8_t>(info), data.view())));
  }
  EXPECT_FALSE(CommitTime(MainData(ResourceManager::kXlog, 0, data.view())));
  EXPECT_THROW(CommitTime(MainData(ResourceManager::kTransaction, 0, data.view().first(7))),
               base::Error);
}

TEST(WalRecord, TimesCountFromTheYear2000) {
  using namespace std::chrono;
  EXPECT_EQ(FromTimestampTz(1), base::Time(sys_days{year{2000} / 1 / 1}) + microseconds(1));
}

TEST(WalRecord, ImpossibleTimesBecomeTheNearestPossible) {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(FromTimestampTz(kMax), base::Time::max());
  EXPECT_EQ(FromUnixSeconds(kMax), base::Time::max());
  EXPECT_EQ(FromUnixSeconds(kMin), base::Time::min());
  EXPECT_LT(FromTimestampTz(kMin), FromTimestampTz(0));
}

TEST(WalRecord, TellsRestorePoints) {
  base::ByteWriter data;
  data.U64(0);
  base::Bytes name = base::ToBytes("before the storm");
  name.resize(64);
  data.Raw(name);
  const auto point = ReadRestorePoint(MainData(ResourceManager::kXlog, 0x70, data.view()));
  ASSERT_TRUE(point);
  EXPECT_EQ(point->name, "before the storm");
  EXPECT_EQ(point->time, FromTimestampTz(0));
  EXPECT_FALSE(ReadRestorePoint(MainData(ResourceManager::kHeap, 0x70, data.view())));
}

TEST(WalRecord, TellsCheckpoints) {
  base::ByteWriter data;
  data.U64(0x2000028);
  data.U32(3);
  data.U32(2);
  data.Raw(base::Bytes(kCheckpointSize - 16));
  for (const int info : {0x00, 0x10}) {
    const auto checkpoint = ReadCheckpointRecord(
        MainData(ResourceManager::kXlog, static_cast<std::uint8_t>(info), data.view()));
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->redo, Lsn(0x2000028));
    EXPECT_EQ(checkpoint->timeline, TimelineId(3));
    EXPECT_EQ(checkpoint->previous_timeline, TimelineId(2));
  }
  EXPECT_FALSE(ReadCheckpointRecord(MainData(ResourceManager::kXlog, 0x20, data.view())));
  const auto end = ReadBackupEnd(MainData(ResourceManager::kXlog, 0x50, data.view()));
  EXPECT_EQ(end, Lsn(0x2000028));
}

TEST(WalRecord, CustomResourceManagersCameWith15) {
  const auto custom = static_cast<ResourceManager>(200);
  EXPECT_TRUE(IsKnownResourceManager(custom, k15));
  EXPECT_FALSE(IsKnownResourceManager(custom, k14));
  EXPECT_FALSE(IsKnownResourceManager(static_cast<ResourceManager>(22), k15));
}

}  // namespace
}  // namespace holdfast::pg
