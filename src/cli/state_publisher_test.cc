#include "cli/state_publisher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

#include "base/error.h"

namespace holdfast::cli {
namespace {

wal::StreamState StoredUpTo(std::uint64_t lsn, std::string problem = "") {
  return {.method = {},
          .system = {},
          .timeline = {},
          .server = {},
          .spooled = {},
          .stored = pg::Lsn(lsn),
          .last_received = {},
          .problem = std::move(problem)};
}

struct CountingReporter final : base::Reporter {
  void BeginPhase(std::string_view, std::uint64_t) override {}
  void Advance(std::uint64_t) override {}
  void EndPhase() override {}
  void Note(std::string_view) override {}
  void Warn(std::string_view) override { ++warnings; }
  std::atomic<int> warnings = 0;
};

TEST(StatePublisher, SaysFirstThatNothingIsKnownAndAtItsEndTheLastState) {
  base::NullReporter report;
  std::vector<std::optional<pg::Lsn>> stored;
  {
    StatePublisher publisher([&](const auto& state) { stored.push_back(state.stored); }, report,
                             std::chrono::hours(1));
    for (std::uint64_t lsn = 1; lsn <= 100; ++lsn) publisher.Show(StoredUpTo(lsn));
  }
  ASSERT_GE(stored.size(), 2U);
  EXPECT_LE(stored.size(), 3U);
  EXPECT_FALSE(stored.front());
  EXPECT_EQ(stored.back(), pg::Lsn(100));
}

TEST(StatePublisher, WritesTheLastOfManyStatesWithoutBeingShownAnother) {
  base::NullReporter report;
  std::promise<void> seen;
  StatePublisher publisher(
      [&](const auto& state) {
        if (state.stored == pg::Lsn(100)) seen.set_value();
      },
      report, std::chrono::milliseconds(20));
  for (std::uint64_t lsn = 1; lsn <= 100; ++lsn) publisher.Show(StoredUpTo(lsn));
  EXPECT_EQ(seen.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(StatePublisher, ShowsAProblemAtOnce) {
  base::NullReporter report;
  std::promise<void> first;
  std::promise<void> problem;
  StatePublisher publisher(
      [&](const auto& state) {
        if (state.stored == pg::Lsn(1)) first.set_value();
        if (!state.problem.empty()) problem.set_value();
      },
      report, std::chrono::hours(1));
  publisher.Show(StoredUpTo(1));
  first.get_future().wait();
  publisher.Show(StoredUpTo(2, "the server is gone"));
  EXPECT_EQ(problem.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(StatePublisher, TellsOnceThatWritingFails) {
  CountingReporter report;
  {
    StatePublisher publisher(
        [](const auto&) -> void { throw base::Error(base::ErrorKind::kUnavailable, "full"); },
        report, std::chrono::milliseconds(0));
    for (std::uint64_t lsn = 1; lsn <= 100; ++lsn) publisher.Show(StoredUpTo(lsn));
  }
  EXPECT_EQ(report.warnings, 1);
}

}  // namespace
}  // namespace holdfast::cli
