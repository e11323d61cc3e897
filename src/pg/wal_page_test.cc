#include "pg/wal_page.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "pg/testing/wal_builder.h"

namespace holdfast::pg {
namespace {

base::Bytes FirstPage(const WalBuilder::Options& options = {}) {
  WalBuilder builder(options);
  builder.MainDataRecord(ResourceManager::kXlog, 0x20, base::Bytes(10000));
  base::Bytes bytes = builder.bytes();
  bytes.resize(kWalPageSize);
  return bytes;
}

SegmentExpectation Expectation() {
  return {.system_identifier = SystemIdentifier(77),
          .segment_size = SegmentSize::FromBytes(base::kMiB),
          .timeline = TimelineId(1),
          .segment = SegmentNumber(1)};
}

TEST(CheckSegment, AcceptsItsOwn) {
  EXPECT_TRUE(CheckSegment(FirstPage(), Expectation()).IsSound());
}

TEST(CheckSegment, AcceptsPagesOfTheTimelineItGrewFrom) {
  auto expectation = Expectation();
  expectation.timeline = TimelineId(3);
  EXPECT_TRUE(CheckSegment(FirstPage(), expectation).IsSound());
  EXPECT_EQ(CheckSegment(FirstPage({.timeline = TimelineId(2)}), Expectation()).problem,
            SegmentProblem::kOtherTimeline);
}

TEST(CheckSegment, NamesWhatIsWrong) {
  EXPECT_EQ(CheckSegment({}, Expectation()).problem, SegmentProblem::kTooShort);
  EXPECT_EQ(CheckSegment(base::Bytes(kWalPageSize), Expectation()).problem,
            SegmentProblem::kNotWal);
  auto expectation = Expectation();
  expectation.system_identifier = SystemIdentifier(78);
  EXPECT_EQ(CheckSegment(FirstPage(), expectation).problem, SegmentProblem::kOtherSystem);
  expectation = Expectation();
  expectation.segment_size = SegmentSize();
  EXPECT_EQ(CheckSegment(FirstPage(), expectation).problem, SegmentProblem::kOtherSize);
  expectation = Expectation();
  expectation.segment = SegmentNumber(2);
  EXPECT_EQ(CheckSegment(FirstPage(), expectation).problem, SegmentProblem::kOtherPosition);
  base::Bytes page = FirstPage();
  page[2] &= 0xFD;  // no long header
  EXPECT_EQ(CheckSegment(page, Expectation()).problem, SegmentProblem::kNotWal);
}

TEST(WalPageHeader, CutShortIsCorrupt) {
  const base::Bytes page = FirstPage();
  EXPECT_THROW(ParseWalPageHeader(base::ByteView(page).first(23)), base::Error);
  EXPECT_THROW(ParseWalPageHeader(base::ByteView(page).first(39)), base::Error);
}

}  // namespace
}  // namespace holdfast::pg
