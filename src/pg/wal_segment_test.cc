#include "pg/wal_segment.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.h"

namespace holdfast::pg {
namespace {

constexpr SegmentSize kDefault;

TEST(WalSegment, IsNamedByTimelineLogAndPlaceInTheLog) {
  EXPECT_EQ(FormatSegmentName(TimelineId(1), SegmentNumber(2), kDefault),
            "000000010000000000000002");
  EXPECT_EQ(FormatSegmentName(TimelineId(0x1A), SegmentNumber(0x1601), kDefault),
            "0000001A0000001600000001");
  EXPECT_EQ(
      FormatSegmentName(TimelineId(1), SegmentNumber(0x1601), SegmentSize::FromBytes(1 << 30)),
      "000000010000058000000001");
}

TEST(WalSegment, NameSurvivesTheRoundTripForEverySize) {
  EXPECT_TRUE(rc::check([](std::uint32_t timeline, std::uint32_t number) {
    RC_PRE(timeline != 0U);
    const auto size = SegmentSize::FromBytes(base::kMiB << *rc::gen::inRange(0, 11));
    const SegmentNumber segment(number);
    const auto name = FormatSegmentName(TimelineId(timeline), segment, size);
    const auto parsed = ParseWalFileName(name, size);
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(parsed->kind == WalFileKind::kSegment);
    RC_ASSERT(parsed->timeline == TimelineId(timeline));
    RC_ASSERT(parsed->segment == segment);
  }));
}

TEST(WalSegment, ByteAtAndByteBeforeDifferOnlyOnABoundary) {
  const Lsn boundary = SegmentStart(SegmentNumber(3), kDefault);
  EXPECT_EQ(SegmentOfByteAt(boundary, kDefault), SegmentNumber(3));
  EXPECT_EQ(SegmentOfByteBefore(boundary, kDefault), SegmentNumber(2));
  EXPECT_EQ(SegmentOfByteAt(boundary + 1, kDefault), SegmentNumber(3));
  EXPECT_EQ(SegmentOfByteBefore(boundary + 1, kDefault), SegmentNumber(3));
  EXPECT_EQ(SegmentOfByteAt(boundary - 1, kDefault), SegmentNumber(2));
  EXPECT_EQ(SegmentOfByteBefore(Lsn(), kDefault), SegmentNumber(0));
}

TEST(WalSegment, EndIsTheNextStart) {
  EXPECT_EQ(SegmentEnd(SegmentNumber(3), kDefault), SegmentStart(SegmentNumber(4), kDefault));
  EXPECT_EQ(OffsetInSegment(Lsn(0x3000028), kDefault), 0x28U);
  EXPECT_EQ(NextSegment(SegmentNumber(0xFF)), SegmentNumber(0x100));
}

TEST(WalSegment, OtherFilesOfTheArchiveAreToldApart) {
  EXPECT_EQ(ParseWalFileName("000000010000000000000002.partial", kDefault)->kind,
            WalFileKind::kPartial);
  const auto history = ParseWalFileName("0000000A.history", kDefault);
  EXPECT_EQ(history->kind, WalFileKind::kHistory);
  EXPECT_EQ(history->timeline, TimelineId(10));
  EXPECT_EQ(FormatHistoryName(TimelineId(10)), "0000000A.history");
  const auto backup = ParseWalFileName("000000010000000000000002.00000028.backup", kDefault);
  EXPECT_EQ(backup->kind, WalFileKind::kBackupHistory);
  EXPECT_EQ(backup->backup_start, Lsn(0x2000028));
  EXPECT_EQ(WalFileKindOf("000000010000000000000002.00000028.backup"), WalFileKind::kBackupHistory);
}

TEST(WalSegment, JunkIsRefused) {
  for (const auto* name : {"",
                           "00000001000000000000000",
                           "0000000100000000000000020",
                           "00000001000000000000000g",
                           "00000001000000000000000a",
                           "000000000000000000000002",
                           "000000010000000000000100",
                           "000000010000000000000002.done",
                           "000000010000000000000002.partial.x",
                           "xlogtemp.123",
                           "000000010000000000000002.0000028.backup",
                           "000000010000000000000002.0000002g.backup",
                           "000000010000000000000002.01000000.backup",
                           "000000010000000000000002.gz",
                           "00000000.history",
                           "0000000a.history",
                           "000000001.history",
                           "00000002.history.tmp",
                           "archive_status",
                           "../0000000100000000000000",
                           "+00000010000000000000002"}) {
    EXPECT_FALSE(ParseWalFileName(name, kDefault)) << name;
  }
  EXPECT_FALSE(WalFileKindOf("archive_status"));
}

TEST(WalSegment, SizeIsAPowerOfTwoFromOneMebibyteToOneGibibyte) {
  EXPECT_EQ(SegmentSize::FromBytes(base::kMiB).bytes(), base::kMiB);
  EXPECT_EQ(SegmentSize::FromBytes(base::kGiB).bytes(), base::kGiB);
  for (const std::uint64_t bytes : {std::uint64_t{0}, base::kMiB / 2, base::kMiB + 1,
                                    3 * base::kMiB, 2 * base::kGiB, std::uint64_t{1} << 63}) {
    EXPECT_THROW(SegmentSize::FromBytes(bytes), base::Error) << bytes;
  }
}

}  // namespace
}  // namespace holdfast::pg
