#include "base/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/error.h"

namespace holdfast::base {
namespace {

void WaitForStop(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait(lock, stop, [] { return false; });
}

TEST(Workers, RunAllToTheirEnd) {
  std::atomic<int> done = 0;
  Workers workers;
  for (int i = 0; i < 8; ++i) workers.Start([&](const std::stop_token&) { ++done; });
  workers.Join();
  EXPECT_EQ(done, 8);
}

TEST(Workers, StopTheOthersAndRethrowTheFirstError) {
  Workers workers;
  std::atomic<int> stopped = 0;
  for (int i = 0; i < 4; ++i) {
    workers.Start([&](const std::stop_token& stop) {
      WaitForStop(stop);
      ++stopped;
      throw Error(ErrorKind::kCancelled, "a later error");
    });
  }
  workers.Start(
      [](const std::stop_token&) { throw Error(ErrorKind::kCorrupt, "the first error"); });
  try {
    workers.Join();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "the first error");
  }
  EXPECT_EQ(stopped, 4);
}

TEST(Workers, AbortTheQueuesOfAFailedPipelineAfterTheStop) {
  BoundedQueue<int> queue(1);
  std::atomic<int> failures = 0;
  std::atomic<bool> told_to_stop = false;
  Workers workers;
  workers.OnFailure([&] {
    ++failures;
    queue.Abort();
  });
  workers.Start([&](const std::stop_token& stop) {
    while (queue.Pop()) {
    }
    told_to_stop = stop.stop_requested();
  });
  workers.Start([](const std::stop_token&) { throw Error(ErrorKind::kUnavailable, "broken"); });
  EXPECT_THROW(workers.Join(), Error);
  EXPECT_EQ(failures, 1);
  EXPECT_TRUE(told_to_stop);
}

TEST(Workers, StopWhenTheirParentIsStopped) {
  std::stop_source parent;
  Workers workers(parent.get_token());
  workers.Start([](const std::stop_token& stop) { WaitForStop(stop); });
  parent.request_stop();
  workers.Join();
  EXPECT_TRUE(workers.stop_token().stop_requested());
}

TEST(Workers, AreStoppedAndJoinedByTheDestructor) {
  std::atomic<bool> ended = false;
  {
    Workers workers;
    workers.Start([&](const std::stop_token& stop) {
      WaitForStop(stop);
      ended = true;
      throw Error(ErrorKind::kInternal, "nobody asks any more");
    });
  }
  EXPECT_TRUE(ended);
}

TEST(ThrowIfStopped, ThrowsOnlyThen) {
  std::stop_source source;
  EXPECT_NO_THROW(ThrowIfStopped(source.get_token()));
  source.request_stop();
  try {
    ThrowIfStopped(source.get_token());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
  }
}

TEST(SystemClock, WakesASleeperThatIsStopped) {
  SystemClock clock;
  std::stop_source source;
  source.request_stop();
  EXPECT_FALSE(clock.Sleep(Duration::max(), source.get_token()));
  EXPECT_TRUE(clock.Sleep(Duration(1), {}));
}

TEST(SystemClock, WakesASleeperThatIsStoppedMeanwhile) {
  std::atomic<bool> slept_through = true;
  {
    Workers workers;
    workers.Start([&](const std::stop_token& stop) {
      SystemClock clock;
      slept_through = clock.Sleep(Duration::max(), stop);
    });
  }
  EXPECT_FALSE(slept_through);
}

}  // namespace
}  // namespace holdfast::base
