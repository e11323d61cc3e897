#include "storage/retry.h"

#include <gtest/gtest.h>

#include "base/testing/manual_clock.h"

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using std::chrono::seconds;

class RetrierTest : public testing::Test {
 protected:
  // Fails `times` times with `kind` before it gives 7.
  int Ask(int times, ErrorKind kind = ErrorKind::kUnavailable) {
    calls_ = 0;
    return retrier_.Run([&] {
      if (++calls_ <= times) throw base::Error(kind, "no");
      return 7;
    });
  }
  base::Error FailureOf(int times, ErrorKind kind = ErrorKind::kUnavailable) {
    try {
      Ask(times, kind);
    } catch (const base::Error& error) {
      return error;
    }
    return {ErrorKind::kInternal, "nothing was thrown"};
  }
  base::Duration Elapsed() const { return clock_.Now() - start_; }

  base::ManualClock clock_;
  base::Time start_ = clock_.Now();
  std::stop_source stop_;
  std::vector<std::string> told_;
  int calls_ = 0;
  Retrier retrier_{clock_,
                   {.first_delay = seconds(1),
                    .longest_delay = seconds(8),
                    .deadline = seconds(600),
                    .first_deadline = seconds(60),
                    .on_failure = [this](const base::Error& error,
                                         base::Duration) { told_.push_back(error.message()); }},
                   stop_.get_token()};
};

TEST_F(RetrierTest, TriesAgainUntilItWorksWithGrowingDelays) {
  EXPECT_EQ(Ask(5), 7);
  EXPECT_EQ(calls_, 6);
  // 1 + 2 + 4 + 8 + 8 seconds, each cut by up to a half.
  EXPECT_GE(Elapsed(), base::Duration(seconds(23)) / 2);
  EXPECT_LE(Elapsed(), seconds(23));
  EXPECT_EQ(told_, std::vector<std::string>(5, "no"));
}

TEST_F(RetrierTest, GivesUpAtItsDeadlineAndTriesOnceMoreThen) {
  ASSERT_EQ(Ask(0), 7);
  const base::Error error = FailureOf(100'000);
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_NE(error.message().find("attempts"), std::string::npos);
  EXPECT_EQ(Elapsed(), seconds(600));
}

TEST_F(RetrierTest, GivesUpSoonOnWhatNeverAnswered) {
  FailureOf(100'000);
  EXPECT_EQ(Elapsed(), seconds(60));
}

TEST_F(RetrierTest, TakesARefusalForAnAnswerToo) {
  EXPECT_EQ(FailureOf(1, ErrorKind::kDenied).kind(), ErrorKind::kDenied);
  FailureOf(100'000);
  EXPECT_EQ(Elapsed(), seconds(600));
}

TEST_F(RetrierTest, TriesNothingElseAgain) {
  for (const ErrorKind kind : {ErrorKind::kDenied, ErrorKind::kNotFound, ErrorKind::kCorrupt,
                               ErrorKind::kConflict, ErrorKind::kUsage, ErrorKind::kInternal}) {
    EXPECT_EQ(FailureOf(1, kind).kind(), kind);
    EXPECT_EQ(calls_, 1);
  }
  EXPECT_EQ(Elapsed(), base::Duration(0));
  EXPECT_TRUE(told_.empty());
}

TEST_F(RetrierTest, LetsWhatIsNoErrorThrough) {
  struct Crash {};
  EXPECT_THROW(retrier_.Run([]() -> int { throw Crash{}; }), Crash);
}

TEST_F(RetrierTest, EndsItsWaitWhenStopped) {
  stop_.request_stop();
  EXPECT_EQ(FailureOf(1).kind(), ErrorKind::kCancelled);
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(Ask(0), 7);
}

}  // namespace
}  // namespace holdfast::storage
