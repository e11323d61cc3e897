#include "pg/timeline_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.h"

namespace holdfast::pg {
namespace {

using testing::ElementsAre;

constexpr TimelineId Tli(std::uint32_t value) { return TimelineId(value); }

// As a server wrote it after three promotions: the parent's lines, an empty line, the new one.
constexpr std::string_view kFour =
    "1\t0/3000000\tno recovery target specified\n\n"
    "2\t0/5000060\tbefore 2026-11-21 08:00:00+00\n\n"
    "3\t0/5000060\tno recovery target specified\n";

TimelineHistory Four() { return TimelineHistory::Parse(Tli(4), kFour); }

TEST(TimelineHistory, ReadsWhatTheServerWrote) {
  const auto history = Four();
  EXPECT_EQ(history.timeline(), Tli(4));
  EXPECT_THAT(history.ancestors(),
              ElementsAre(TimelineSwitch{Tli(1), Lsn(0x3000000), "no recovery target specified"},
                          TimelineSwitch{Tli(2), Lsn(0x5000060), "before 2026-11-21 08:00:00+00"},
                          TimelineSwitch{Tli(3), Lsn(0x5000060), "no recovery target specified"}));
}

TEST(TimelineHistory, ToleratesCommentsCrLfAndMissingReasons) {
  const auto history = TimelineHistory::Parse(
      Tli(3), "# written by hand\r\n\r\n  # more\n1 0/10\r\n2\t0/20\tbecause\r\n");
  EXPECT_THAT(history.ancestors(), ElementsAre(TimelineSwitch{Tli(1), Lsn(0x10), ""},
                                               TimelineSwitch{Tli(2), Lsn(0x20), "because"}));
}

TEST(TimelineHistory, SpansAbut) {
  EXPECT_THAT(Four().Spans(), ElementsAre(TimelineSpan{Tli(1), Lsn(), Lsn(0x3000000)},
                                          TimelineSpan{Tli(2), Lsn(0x3000000), Lsn(0x5000060)},
                                          TimelineSpan{Tli(3), Lsn(0x5000060), Lsn(0x5000060)},
                                          TimelineSpan{Tli(4), Lsn(0x5000060), std::nullopt}));
  EXPECT_THAT(TimelineHistory().Spans(), ElementsAre(TimelineSpan{Tli(1), Lsn(), std::nullopt}));
}

TEST(TimelineHistory, FindsTheTimelineOfAByte) {
  EXPECT_EQ(Four().TimelineOfByteAt(Lsn(0x2FFFFFF)), Tli(1));
  EXPECT_EQ(Four().TimelineOfByteAt(Lsn(0x3000000)), Tli(2));
  EXPECT_EQ(Four().TimelineOfByteAt(Lsn(0x500005F)), Tli(2));
  EXPECT_EQ(Four().TimelineOfByteAt(Lsn(0x5000060)), Tli(4));
  EXPECT_EQ(TimelineHistory().TimelineOfByteAt(Lsn(1)), Tli(1));
}

TEST(TimelineHistory, KnowsWhereItLeftATimeline) {
  EXPECT_EQ(Four().LeftAt(Tli(2)), Lsn(0x5000060));
  EXPECT_EQ(Four().LeftAt(Tli(4)), std::nullopt);
  EXPECT_EQ(Four().LeftAt(Tli(9)), std::nullopt);
  EXPECT_TRUE(Four().Includes(Tli(4)));
  EXPECT_TRUE(Four().Includes(Tli(1)));
  EXPECT_FALSE(Four().Includes(Tli(5)));
}

TEST(TimelineHistory, ContinuesOnlyFromStatesItWentThrough) {
  EXPECT_TRUE(Four().CanContinueFrom(Tli(1), Lsn(0x3000000)));
  EXPECT_FALSE(Four().CanContinueFrom(Tli(1), Lsn(0x3000001)));  // on the branch that was abandoned
  EXPECT_FALSE(Four().CanContinueFrom(Tli(2), Lsn(0x2FFFFFF)));  // before it began
  EXPECT_TRUE(Four().CanContinueFrom(Tli(4), Lsn(0x9000000)));
  EXPECT_FALSE(Four().CanContinueFrom(Tli(5), Lsn(0x9000000)));
}

TEST(TimelineHistory, LeavesOutATimelineWhoseRecoveryEndedBeforeItsBeginning) {
  const std::string text = "1\t0/5000000\ta\n2\t0/3000000\tb\n3\t0/7000000\tc\n";
  const TimelineHistory history = TimelineHistory::Parse(Tli(4), text);
  EXPECT_EQ(history.Format(), text);
  EXPECT_THAT(history.Spans(), ElementsAre(TimelineSpan{Tli(1), Lsn(), Lsn(0x3000000)},
                                           TimelineSpan{Tli(3), Lsn(0x3000000), Lsn(0x7000000)},
                                           TimelineSpan{Tli(4), Lsn(0x7000000), std::nullopt}));
  EXPECT_EQ(history.LeftAt(Tli(1)), Lsn(0x3000000));
  EXPECT_EQ(history.TimelineOfByteAt(Lsn(0x2FFFFFF)), Tli(1));
  EXPECT_EQ(history.TimelineOfByteAt(Lsn(0x3000000)), Tli(3));
  EXPECT_TRUE(history.Includes(Tli(2)));
  EXPECT_TRUE(history.CanContinueFrom(Tli(1), Lsn(0x3000000)));
  EXPECT_FALSE(history.CanContinueFrom(Tli(1), Lsn(0x3000001)));
  EXPECT_FALSE(history.CanContinueFrom(Tli(2), Lsn(0x2000000)));
  EXPECT_FALSE(history.CanContinueFrom(Tli(2), Lsn(0x5000000)));
}

TEST(TimelineHistory, RefusesWhatCannotBeOne) {
  const std::pair<std::uint32_t, const char*> cases[] = {
      {2, ""},                          // empty
      {2, "# only a comment\n"},        // empty as well
      {2, "1\t0/30"},                   // cut
      {2, "1\t0/3000000\treason\n2"},   // cut
      {2, "1\t0\treason\n"},            // no position
      {2, "x\t0/30\treason\n"},         // no timeline
      {2, "2\t0/30\treason\n"},         // itself
      {2, "3\t0/30\treason\n"},         // a later one
      {3, "2\t0/30\ta\n1\t0/40\tb\n"},  // falling
      {3, "1\t0/30\ta\n1\t0/40\tb\n"},  // twice
      {2, "0\t0/30\ta\n"},              // timeline 0
      {1, "1\t0/30\ta\n"},              // timeline 1 has none
      {0, ""},
  };
  for (const auto& [timeline, text] : cases) {
    EXPECT_THROW(TimelineHistory::Parse(Tli(timeline), text), base::Error) << text;
  }
}

TEST(TimelineHistory, SurvivesTheRoundTrip) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint16_t>& steps) {
    RC_PRE(!steps.empty());
    std::vector<TimelineSwitch> ancestors;
    std::uint32_t timeline = 0;
    Lsn lsn;
    for (const std::uint16_t step : steps) {
      timeline += 1U + step % 3;
      lsn = lsn + std::uint64_t{step} * 8;
      ancestors.push_back({TimelineId(timeline), lsn, "some reason"});
    }
    // A timeline above 1 always has ancestors.
    const TimelineHistory history(TimelineId(timeline + 1), ancestors);
    RC_ASSERT(TimelineHistory::Parse(history.timeline(), history.Format()) == history);
  }));
}

}  // namespace
}  // namespace holdfast::pg
