#include "wal/wal_lookup.h"

#include <gtest/gtest.h>

#include "pg/testing/expect_error.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

constexpr pg::TimelineId kFirst{1};
constexpr pg::TimelineId kSecond{2};

class LookupTest : public testing::Test, public ArchiveFixture {
 protected:
  void Put(std::uint32_t timeline, std::uint64_t segment) {
    (void)archive.Put(kSystem, Name(timeline, segment), MakeSegment(timeline, segment));
  }
  base::Bytes LookUp(std::uint64_t segment) {
    return LookUpSegment(archive, kSystem, lineage_, pg::SegmentNumber(segment), kSmall);
  }
  const Lineage lineage_ =
      pg::TimelineHistory(kSecond, {{.timeline = kFirst, .left_at = At(5, 100), .reason = ""}})
          .Spans();
};

TEST_F(LookupTest, TakesTheNewestTimelinesCopy) {
  for (const std::uint64_t segment : {4U, 5U}) Put(1, segment);
  for (const std::uint64_t segment : {5U, 6U}) Put(2, segment);
  EXPECT_EQ(LookUp(4), MakeSegment(1, 4));
  EXPECT_EQ(LookUp(5), MakeSegment(2, 5));
  EXPECT_EQ(LookUp(6), MakeSegment(2, 6));
}

TEST_F(LookupTest, TakesTheEndOfATimelineFromItsOwnCopyWhereThereIsNoOther) {
  archive.PutTail(kSystem, kFirst, At(5), base::ByteView(MakeSegment(1, 5)).first(100));
  EXPECT_EQ(LookUp(5).size(), 100U);
  archive.PutTail(kSystem, kSecond, At(5), base::ByteView(MakeSegment(2, 5)).first(9000));
  EXPECT_EQ(LookUp(5).size(), 9000U);
}

TEST_F(LookupTest, TakesNothingOfAnAbandonedBranch) {
  for (const std::uint64_t segment : {5U, 6U, 7U}) Put(1, segment);
  Put(2, 7);
  pg::ExpectError(base::ErrorKind::kNotFound, Name(2, 6), [&] { (void)LookUp(6); });
  EXPECT_EQ(LookUp(7), MakeSegment(2, 7));
}

}  // namespace
}  // namespace holdfast::wal
