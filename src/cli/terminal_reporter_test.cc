#include "cli/terminal_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/testing/manual_clock.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

using base::kMiB;
using testing::EndsWith;
using testing::HasSubstr;

TerminalReporterOptions OnTerminal() {
  return {.terminal = true, .quiet = false, .progress = true, .width = [] { return 80; }};
}
TerminalReporterOptions InLog() {
  return {.terminal = false, .quiet = false, .progress = true, .width = [] { return 80; }};
}

TEST(ProgressLine, ShowsShareAmountRateAndRemainingTime) {
  const std::string line = ProgressLine({.phase = "reading",
                                         .done = 50 * kMiB,
                                         .total = 100 * kMiB,
                                         .elapsed = std::chrono::seconds(5)},
                                        120);
  EXPECT_THAT(line, HasSubstr("[####################....................]"));
  EXPECT_THAT(line, HasSubstr(" 50 %"));
  EXPECT_THAT(line, HasSubstr("50.0 MiB of 100.0 MiB"));
  EXPECT_THAT(line, HasSubstr("10.0 MiB/s"));
  EXPECT_THAT(line, HasSubstr("left"));
}

TEST(ProgressLine, FitsWhateverTheWidth) {
  for (int width = 1; width < 200; ++width) {
    for (const std::uint64_t total : {std::uint64_t{0}, 100 * kMiB, std::uint64_t{1}}) {
      const std::string line = ProgressLine({.phase = "読み取り中",
                                             .done = 50 * kMiB,
                                             .total = total,
                                             .elapsed = std::chrono::seconds(5)},
                                            width);
      EXPECT_LT(DisplayWidth(line), width) << line;
    }
  }
}

TEST(ProgressLine, NeverPassesAHundredPercent) {
  EXPECT_THAT(ProgressText({.phase = "x", .done = UINT64_MAX, .total = 5, .elapsed = {}}),
              HasSubstr("100 %"));
}

TEST(TerminalReporter, RedrawsOneLineAtMostTenTimesASecond) {
  base::ManualClock clock;
  std::ostringstream err;
  TerminalReporter reporter(err, clock, OnTerminal());
  reporter.BeginPhase("reading", 1000);
  for (int i = 0; i < 1000; ++i) {
    clock.Advance(std::chrono::milliseconds(1));
    reporter.Advance(1);
  }
  const std::string text = err.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 10);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 0);
  reporter.EndPhase();
  EXPECT_THAT(err.str(), EndsWith("reading: 1000 B in 1.0 s\n"));
}

TEST(TerminalReporter, WritesALineEveryTenSecondsIntoALog) {
  base::ManualClock clock;
  std::ostringstream err;
  TerminalReporter reporter(err, clock, InLog());
  reporter.BeginPhase("reading", 1000);
  for (int i = 0; i < 25; ++i) {
    clock.Advance(std::chrono::seconds(1));
    reporter.Advance(10);
  }
  const std::string text = err.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 0);
}

TEST(TerminalReporter, SaysNothingOfAPhaseWithNothingToDo) {
  base::ManualClock clock;
  std::ostringstream err;
  TerminalReporter reporter(err, clock, OnTerminal());
  reporter.BeginPhase("copying WAL", 0);
  reporter.EndPhase();
  EXPECT_EQ(err.str(), "");
}

TEST(TerminalReporter, QuietLeavesWarningsOnly) {
  base::ManualClock clock;
  std::ostringstream err;
  TerminalReporter reporter(err, clock, {.terminal = true, .quiet = true, .progress = false});
  reporter.Note("hello");
  reporter.BeginPhase("reading", 10);
  reporter.Advance(10);
  reporter.EndPhase();
  reporter.Warn("watch out");
  EXPECT_EQ(err.str(), "warning: watch out\n");
}

TEST(TerminalReporter, MayBeCalledFromManyThreads) {
  base::ManualClock clock;
  std::ostringstream err;
  TerminalReporter reporter(err, clock, InLog());
  reporter.BeginPhase("reading", 0);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) reporter.Advance(1);
    });
  }
  threads.clear();
  reporter.EndPhase();
  EXPECT_THAT(err.str(), HasSubstr("3.9 KiB"));
}

}  // namespace
}  // namespace holdfast::cli
