#include "wal/resume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/testing/expect_error.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

using base::ErrorKind;
using pg::ExpectError;
using testing::ElementsAre;

constexpr pg::TimelineId kFirst{1};
constexpr pg::TimelineId kSecond{2};

const pg::TimelineHistory kBranch(
    kSecond, {{.timeline = kFirst, .left_at = At(5, 4096), .reason = "promoted"}});

ResumeInput On(const pg::TimelineHistory& history, pg::Lsn flush, std::vector<Received> received) {
  ResumeInput input;
  input.server_history = history;
  input.server_flush = flush;
  input.received = std::move(received);
  input.oldest = At(2, 40);
  input.segment_size = kSmall;
  return input;
}

TEST(WhatWasReceived, IsExtendedByTheArchiveOnlyWhereItAbuts) {
  const std::vector<SpooledSegment> spool = {
      {.timeline = kFirst, .segment = {}, .start = At(3), .end = At(3, 500)}};
  Inventory archive;
  archive.ranges = {{.timeline = kFirst, .start = At(1), .end = At(7)},
                    {.timeline = kFirst, .start = At(8), .end = At(9)},
                    {.timeline = kSecond, .start = At(5), .end = At(6)}};
  EXPECT_THAT(WhatWasReceived(spool, archive, pg::Lsn()),
              ElementsAre(Received{kFirst, At(7)}, Received{kSecond, At(6)}));
  archive.ranges.erase(archive.ranges.begin());
  EXPECT_THAT(WhatWasReceived(spool, archive, pg::Lsn()),
              ElementsAre(Received{kFirst, At(3, 500)}, Received{kSecond, At(6)}));
}

TEST(WhatWasReceived, DoesNotJumpOverWhatTheSlotStillKeeps) {
  Inventory archive;
  archive.ranges = {{.timeline = kFirst, .start = At(1), .end = At(3)},
                    {.timeline = kFirst, .start = At(5), .end = At(6)}};
  EXPECT_THAT(WhatWasReceived({}, archive, At(3)), ElementsAre(Received{kFirst, At(3)}));
  EXPECT_THAT(WhatWasReceived({}, archive, At(5)), ElementsAre(Received{kFirst, At(6)}));
  archive.ranges.erase(archive.ranges.begin());
  EXPECT_THAT(WhatWasReceived({}, archive, At(3)), testing::IsEmpty());
}

TEST(ChooseResumePoint, BeginsWhereTheSlotDoesAtFirst) {
  const ResumePoint resume = ChooseResumePoint(On({}, At(6), {}));
  EXPECT_EQ(resume.from, At(2));
  EXPECT_EQ(resume.received_end, std::nullopt);
}

TEST(ChooseResumePoint, StreamsTheLastSegmentAgain) {
  EXPECT_EQ(ChooseResumePoint(On({}, At(6), {{kFirst, At(4, 9)}})).from, At(4));
  EXPECT_EQ(ChooseResumePoint(On({}, At(6), {{kFirst, At(4)}})).from, At(3));
}

TEST(ChooseResumePoint, FinishesTheTimelineThatTheServerHasLeft) {
  const ResumePoint resume = ChooseResumePoint(On(kBranch, At(7), {{kFirst, At(4, 9)}}));
  EXPECT_EQ(resume.timeline, kFirst);
  EXPECT_EQ(resume.from, At(4));
}

TEST(ChooseResumePoint, LeavesTheAbandonedBranchWhereTheServerDid) {
  const ResumePoint resume = ChooseResumePoint(On(kBranch, At(7), {{kFirst, At(9)}}));
  EXPECT_EQ(resume.timeline, kFirst);
  EXPECT_EQ(resume.from, At(5));
  EXPECT_EQ(resume.received_end, At(5, 4096));
}

TEST(ChooseResumePoint, FindsAServerThatWasRolledBack) {
  ExpectError(ErrorKind::kConflict, "rolled back", [] {
    (void)ChooseResumePoint(On({}, At(4), {{kFirst, At(4, 1)}}));
  });
  ResumeInput earlier = On({}, At(9), {{kFirst, At(4)}});
  earlier.seen = kSecond;
  ExpectError(ErrorKind::kConflict, "timeline 1, but was on 2",
              [&] { (void)ChooseResumePoint(earlier); });
  ResumeInput standby = On({}, At(4), {{kFirst, At(4, 1)}});
  standby.in_recovery = true;
  ExpectError(ErrorKind::kUnavailable, "standby is behind",
              [&] { (void)ChooseResumePoint(standby); });
}

TEST(AfterLostWal, GoesOnAtTheOldestThatIsLeft) {
  ResumeInput input = On({}, At(20), {{kFirst, At(4)}});
  input.oldest = At(9, 40);
  ResumePoint resume = AfterLostWal(ChooseResumePoint(input), input);
  EXPECT_EQ(resume.from, At(4));  // no gap yet: only the comparison is not possible
  resume = AfterLostWal(resume, input);
  EXPECT_EQ(resume.from, At(9));
  EXPECT_EQ(resume.received_end, At(4));
  resume = AfterLostWal(resume, input);
  EXPECT_EQ(resume.from, At(10));
}

}  // namespace
}  // namespace holdfast::wal
