#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace holdfast::base {
namespace {

TEST(BoundedQueue, HandsOutInOrder) {
  BoundedQueue<int> queue(100);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(queue.Push(i, 1));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue.Pop(), i);
}

TEST(BoundedQueue, AdmitsAnItemOverItsBoundWhenEmpty) {
  BoundedQueue<std::unique_ptr<int>> queue(10);
  ASSERT_TRUE(queue.Push(std::make_unique<int>(3), 1000));
  EXPECT_EQ(**queue.Pop(), 3);
  ASSERT_TRUE(queue.Push(std::make_unique<int>(4), 1000));
  EXPECT_EQ(**queue.Pop(), 4);
}

TEST(BoundedQueue, NeverHoldsMoreThanItsBound) {
  constexpr std::int64_t kBound = 64;
  BoundedQueue<std::int64_t> queue(kBound);
  std::atomic<std::int64_t> queued = 0;
  std::atomic<std::int64_t> most = 0;
  std::jthread producer([&] {
    for (int i = 0; i < 5000; ++i) {
      const std::int64_t size = i % 30 + 1;
      if (!queue.Push(size, static_cast<std::uint64_t>(size))) return;
      // Counted after the push, taken off after the pop: a lower bound of what is queued.
      most = std::max<std::int64_t>(most, queued += size);
    }
    queue.Close();
  });
  std::int64_t items = 0;
  while (const auto size = queue.Pop()) {
    queued -= *size;
    ++items;
  }
  producer.join();
  EXPECT_EQ(items, 5000);
  // One item may have been popped but not yet taken off.
  EXPECT_LE(most, kBound + 30);
}

TEST(BoundedQueue, MakesAProducerWaitUntilThereIsRoom) {
  BoundedQueue<int> queue(10);
  ASSERT_TRUE(queue.Push(1, 10));
  auto pushed = std::async(std::launch::async, [&] { return queue.Push(2, 1); });
  EXPECT_EQ(pushed.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_TRUE(pushed.get());
  EXPECT_EQ(queue.Pop(), 2);
}

TEST(BoundedQueue, HandsOutTheRestAfterClose) {
  BoundedQueue<int> queue(10);
  ASSERT_TRUE(queue.Push(1, 1));
  queue.Close();
  EXPECT_FALSE(queue.Push(2, 1));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), std::nullopt);
  EXPECT_FALSE(queue.aborted());
}

TEST(BoundedQueue, DropsTheRestOnAbortAndSaysSo) {
  BoundedQueue<int> queue(10);
  ASSERT_TRUE(queue.Push(1, 1));
  queue.Close();
  queue.Abort();
  EXPECT_EQ(queue.Pop(), std::nullopt);
  EXPECT_TRUE(queue.aborted());
}

TEST(BoundedQueue, AbortWakesAllWhoWait) {
  BoundedQueue<int> full(1);
  ASSERT_TRUE(full.Push(1, 1));
  BoundedQueue<int> empty(1);
  std::vector<std::future<bool>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(std::async(std::launch::async, [&] { return full.Push(2, 1); }));
    waiting.push_back(std::async(std::launch::async, [&] { return empty.Pop().has_value(); }));
  }
  full.Abort();
  empty.Abort();
  for (auto& each : waiting) EXPECT_FALSE(each.get());
}

TEST(BoundedQueue, LosesAndDoublesNothingBetweenManyThreads) {
  constexpr int kPerProducer = 2000;
  BoundedQueue<int> queue(50);
  std::vector<std::jthread> producers;
  for (int p = 0; p < 4; ++p) {
    producers.emplace_back([&queue, p] {
      for (int i = 0; i < kPerProducer; ++i) {
        if (!queue.Push(p * kPerProducer + i, 7)) return;
      }
    });
  }
  std::vector<std::atomic<int>> seen(4 * kPerProducer);
  std::vector<std::jthread> consumers;
  for (int c = 0; c < 3; ++c) {
    consumers.emplace_back([&] {
      while (const auto item = queue.Pop()) ++seen[static_cast<std::size_t>(*item)];
    });
  }
  producers.clear();
  queue.Close();
  consumers.clear();
  for (const auto& count : seen) EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace holdfast::base
