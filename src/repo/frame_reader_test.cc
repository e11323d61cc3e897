#include "repo/frame_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "repo/commit_check.h"
#include "repo/lru_cache.h"
#include "repo/read_plan.h"
#include "repo/testing/model_backup.h"

namespace holdfast::repo {
namespace {

// A pack of `count` frames in the test's repository.
PackId PutPack(TestRepository& test, std::uint32_t count, std::size_t frame_size = 2000) {
  PackBuilder builder(test.sound().keyring(), PackKind::kData, {.codec = codec::Codec::kRaw});
  for (std::uint32_t i = 0; i < count; ++i) {
    builder.Append(FrameKind::kBytes, base::Bytes(frame_size, static_cast<std::uint8_t>(i)));
  }
  const FinishedPack pack = builder.Finish();
  EXPECT_EQ(test.memory->Put(PackObject(pack.id), pack.contents), storage::PutOutcome::kStored);
  return pack.id;
}

std::string ErrorOf(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    return error.message();
  }
  return "";
}

TEST(FrameReader, ReadsAFrameOnceAndThenFromItsCache) {
  TestRepository test;
  const PackId pack = PutPack(test, 5);
  FrameReader frames(test.repository());
  EXPECT_EQ(*frames.Read({pack, 3}), base::Bytes(2000, 3));
  const std::uint64_t calls = test.faulty->call_count();
  EXPECT_EQ(*frames.Read({pack, 3}), base::Bytes(2000, 3));
  EXPECT_EQ(test.faulty->call_count(), calls);
  EXPECT_EQ(*frames.Read({pack, 4}), base::Bytes(2000, 4));
  EXPECT_EQ(test.faulty->call_count(), calls + 1);
}

TEST(FrameReader, ReadsAFooterThatIsLongerThanTheFirstGuess) {
  TestRepository test;
  PackBuilder builder(test.sound().keyring(), PackKind::kData, {});
  const base::Bytes page = ModelPage(1, 1);
  std::uint64_t hash = 1;
  for (int i = 0; i < 10'000; ++i) {
    hash = hash * 6364136223846793005ULL + 1442695040888963407ULL;
    builder.Append(FrameKind::kPages, page, {&hash, 1});
  }
  const FinishedPack finished = builder.Finish();
  ASSERT_EQ(test.memory->Put(PackObject(finished.id), finished.contents),
            storage::PutOutcome::kStored);
  FrameReader frames(test.sound());
  EXPECT_EQ(frames.Footer(finished.id)->frames().size(), 10'000U);
  EXPECT_EQ(*frames.Read({finished.id, 9'999}), page);
}

TEST(FrameReader, SaysWhichPackIsMissingCutOrAltered) {
  TestRepository test;
  const PackId missing = PutPack(test, 1);
  (void)test.memory->Remove(PackObject(missing));
  const PackId cut = PutPack(test, 2);
  test.faulty->TruncateAtRest(PackObject(cut), 1000);
  const PackId altered = PutPack(test, 3);
  test.faulty->FlipBitAtRest(PackObject(altered), 300);
  FrameReader frames(test.sound());
  for (const PackId& pack : {missing, cut, altered}) {
    EXPECT_THAT(ErrorOf([&] { (void)frames.Read({pack, 0}); }), testing::HasSubstr(pack.ToHex()));
  }
  EXPECT_EQ(*frames.Read({altered, 1}), base::Bytes(2000, 1));
  EXPECT_THAT(ErrorOf([&] { (void)frames.Read({altered, 3}); }), testing::Not(testing::IsEmpty()));
}

TEST(FrameReader, RefusesPacksThatWereExchanged) {
  TestRepository test;
  const PackId one = PutPack(test, 3);
  const PackId other = PutPack(test, 3);
  const base::Bytes contents = *test.memory->Get(PackObject(one));
  (void)test.memory->Remove(PackObject(one));
  (void)test.memory->Put(PackObject(one), *test.memory->Get(PackObject(other)));
  (void)test.memory->Remove(PackObject(other));
  (void)test.memory->Put(PackObject(other), contents);
  for (const PackId& pack : {one, other}) {
    FrameReader frames(test.sound());
    const auto refused = testing::HasSubstr(pack.ToHex());
    EXPECT_THAT(ErrorOf([&] { (void)frames.Footer(pack); }), refused);
    EXPECT_THAT(ErrorOf([&] { (void)frames.Read({pack, 1}); }), refused);
    const std::vector<std::uint32_t> numbers = {0, 2};
    EXPECT_THAT(
        ErrorOf([&] { frames.ReadMany(pack, numbers, [](std::uint32_t, base::ByteView) {}); }),
        refused);
  }
}

// The table of contents is proven once and kept; what is read by it later may be another pack's.
TEST(FrameReader, RefusesAPackThatIsExchangedWhileItIsRead) {
  TestRepository test;
  const PackId one = PutPack(test, 3);
  const PackId other = PutPack(test, 3);
  FrameReader frames(test.sound());
  EXPECT_EQ(*frames.Read({one, 1}), base::Bytes(2000, 1));
  (void)test.memory->Remove(PackObject(one));
  (void)test.memory->Put(PackObject(one), *test.memory->Get(PackObject(other)));
  EXPECT_THAT(ErrorOf([&] { (void)frames.Read({one, 2}); }), testing::HasSubstr(one.ToHex()));
}

TEST(FrameReader, ReadsNoFrameThatIsNotAdmitted) {
  TestRepository test;
  const PackId pack = PutPack(test, 5);
  bool trusted = true;
  FrameReader frames(test.repository(), {.admit = [&](const FrameRef& frame) {
                       if (trusted || frame.frame != 3) return;
                       throw base::Error(base::ErrorKind::kCorrupt, "frame 3 is bad");
                     }});
  EXPECT_EQ(*frames.Read({pack, 3}), base::Bytes(2000, 3));
  trusted = false;  // what is in the cache is not given out either
  EXPECT_EQ(ErrorOf([&] { (void)frames.Read({pack, 3}); }), "frame 3 is bad");
  const std::vector<std::uint32_t> numbers = {2, 3};
  EXPECT_EQ(ErrorOf([&] { frames.ReadMany(pack, numbers, [](std::uint32_t, base::ByteView) {}); }),
            "frame 3 is bad");
  EXPECT_EQ(*frames.Read({pack, 2}), base::Bytes(2000, 2));
}

TEST(FrameReader, RefusesAnotherKindOfFrameForAMap) {
  TestRepository test;
  const PackId pack = PutPack(test, 1);
  FrameReader frames(test.sound());
  EXPECT_THAT(ErrorOf([&] {
                (void)frames.Map({1, FrameRef{pack, 0}});
              }),
              testing::HasSubstr("another kind"));
}

TEST(FrameReader, RefusesContentThatIsShorterThanItsFile) {
  TestRepository test;
  const PackId pack = PutPack(test, 1);
  FrameReader frames(test.sound());
  TreeEntry entry;
  entry.path = "a";
  entry.size = 3000;
  entry.content = ExtentContent{{{{pack, 0}, 0, 3000}}, {}};
  EXPECT_THAT(ErrorOf([&] { (void)frames.Content(entry); }), testing::HasSubstr(pack.ToHex()));
  entry.content = ExtentContent{{{{pack, 0}, 0, 2000}}, {}};
  EXPECT_THAT(ErrorOf([&] { (void)frames.Content(entry); }), testing::HasSubstr("instead of 3000"));
}

TEST(FrameReader, ReadsManyFramesWithFewRequests) {
  TestRepository test;
  const PackId pack = PutPack(test, 60, 60'000);
  FrameReader frames(test.repository());
  (void)frames.Footer(pack);
  const std::uint64_t calls = test.faulty->call_count();
  // One hole that is small, one that is large.
  const std::vector<std::uint32_t> wanted = {0, 1, 2, 5, 40, 41};
  std::vector<std::uint32_t> visited;
  frames.ReadMany(pack, wanted, [&](std::uint32_t frame, base::ByteView raw) {
    EXPECT_TRUE(base::Equal(raw, base::Bytes(60'000, static_cast<std::uint8_t>(frame))));
    visited.push_back(frame);
  });
  EXPECT_EQ(visited, wanted);
  EXPECT_EQ(test.faulty->call_count(), calls + 2);
}

TEST(FrameReader, ReadsWhatIsSmallWithItsSurroundings) {
  TestRepository test;
  const PackId pack = PutPack(test, 400, 2000);  // four windows
  FrameReader frames(test.repository(),
                     {.frame_cache_bytes = 1, .surroundings_cache_bytes = base::kMiB});
  const std::uint64_t calls = test.faulty->call_count();
  for (std::uint32_t frame = 0; frame < 400; ++frame) {
    EXPECT_EQ(*frames.Read({pack, frame}), base::Bytes(2000, static_cast<std::uint8_t>(frame)));
  }
  const std::vector<std::uint32_t> near = {10, 12, 14};
  std::size_t visited = 0;
  frames.ReadMany(pack, near, [&](std::uint32_t frame, base::ByteView raw) {
    EXPECT_TRUE(base::Equal(raw, base::Bytes(2000, static_cast<std::uint8_t>(frame))));
    ++visited;
  });
  EXPECT_EQ(visited, near.size());
  EXPECT_LE(test.faulty->call_count(), calls + 5);  // one is for the pack's size
}

TEST(FrameReader, LetsThreadsShareARequestForSurroundings) {
  TestRepository test;
  const PackId pack = PutPack(test, 100, 2000);  // one window
  FrameReader frames(test.repository(), {.surroundings_cache_bytes = base::kMiB});
  (void)frames.Footer(pack);
  const std::uint64_t calls = test.faulty->call_count();
  std::vector<std::thread> threads;
  for (std::uint32_t number = 0; number < 8; ++number) {
    threads.emplace_back([&frames, &pack, number] {
      for (std::uint32_t frame = number; frame < 100; frame += 8) {
        EXPECT_EQ(*frames.Read({pack, frame}), base::Bytes(2000, static_cast<std::uint8_t>(frame)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(test.faulty->call_count(), calls);
}

TEST(FrameReader, SaysWhichPackWasCutAlsoOfSurroundings) {
  TestRepository test;
  const PackId pack = PutPack(test, 400, 2000);
  FrameReader frames(test.sound(), {.surroundings_cache_bytes = base::kMiB});
  (void)frames.Footer(pack);
  test.faulty->TruncateAtRest(PackObject(pack), 300'000);
  EXPECT_EQ(*frames.Read({pack, 0}), base::Bytes(2000, 0));
  EXPECT_THAT(ErrorOf([&] { (void)frames.Read({pack, 200}); }), testing::HasSubstr(pack.ToHex()));
}

TEST(FrameReader, ServesSeveralThreadsWithACacheOfNearlyNothing) {
  TestRepository test;
  const PackId pack = PutPack(test, 50);
  FrameReader frames(test.sound(), {.footer_cache_bytes = 1, .frame_cache_bytes = 1});
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&] {
      for (std::uint32_t frame = 0; frame < 50; ++frame) {
        EXPECT_EQ(*frames.Read({pack, frame}), base::Bytes(2000, static_cast<std::uint8_t>(frame)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

PackFooter FooterOf(std::uint32_t count, std::uint32_t size) {
  std::vector<FrameInfo> infos;
  for (std::uint32_t i = 0; i < count; ++i) {
    infos.push_back(
        {FrameKind::kBytes, codec::Codec::kRaw, 64 + std::uint64_t{i} * size, size, 10});
  }
  return {std::move(infos), {}};
}

TEST(PlanReads, NeverAsksForMoreThanItsLimitAtOnce) {
  const PackFooter footer = FooterOf(300, 100'000);
  std::vector<std::uint32_t> all(300);
  for (std::uint32_t i = 0; i < 300; ++i) all[i] = i;
  std::size_t frames = 0;
  for (const ReadRange& range : PlanReads(footer, all)) {
    EXPECT_LE(range.length, kMaxReadSize);
    EXPECT_EQ(range.length, range.frames.size() * 100'000);
    frames += range.frames.size();
  }
  EXPECT_EQ(frames, 300U);
}

TEST(PlanReads, RefusesFramesOutOfOrderAndFramesThatAreNotThere) {
  const PackFooter footer = FooterOf(3, 100);
  const std::vector<std::uint32_t> disorder = {1, 0};
  const std::vector<std::uint32_t> beyond = {0, 3};
  EXPECT_THROW((void)PlanReads(footer, disorder), base::Error);
  EXPECT_THROW((void)PlanReads(footer, beyond), base::Error);
  EXPECT_TRUE(PlanReads(footer, {}).empty());
}

TEST(LruCache, DropsWhatWasUsedLongestAgoAndStaysInItsBound) {
  LruCache<int, const int> cache(100);
  for (int i = 0; i < 3; ++i) cache.Put(i, std::make_shared<const int>(i), 33);
  EXPECT_NE(cache.Get(0), nullptr);
  cache.Put(3, std::make_shared<const int>(3), 33);
  EXPECT_EQ(cache.Get(1), nullptr);
  EXPECT_NE(cache.Get(0), nullptr);
  EXPECT_EQ(cache.bytes(), 99U);
  cache.Put(4, std::make_shared<const int>(4), 1000);
  EXPECT_NE(cache.Get(4), nullptr);
  EXPECT_EQ(cache.bytes(), 1000U);
}

TEST(CheckNeededPacks, FindsAMissingOrShortPackAmongManyByListing) {
  TestRepository test;
  NeededPacks needed;
  std::vector<PackId> packs;
  for (std::uint32_t i = 0; i < 100; ++i) {
    PackId pack;
    pack.bytes[0] = static_cast<std::uint8_t>(i * 2 + 1);
    packs.push_back(pack);
    needed[pack] = 10;
    ASSERT_EQ(test.memory->Put(PackObject(pack), base::Bytes(10)), storage::PutOutcome::kStored);
  }
  CondemnedPacks condemned;
  const auto check = [&] {
    try {
      CheckNeededPacks(*test.memory, condemned, needed);
    } catch (const base::Error& error) {
      return error.kind() == base::ErrorKind::kConflict;
    }
    return false;
  };
  EXPECT_FALSE(check());
  for (const std::size_t i : std::vector<std::size_t>{0, 50, 99}) {
    (void)test.memory->Remove(PackObject(packs[i]));
    EXPECT_TRUE(check()) << i;
    ASSERT_EQ(test.memory->Put(PackObject(packs[i]), base::Bytes(9)), storage::PutOutcome::kStored);
    EXPECT_TRUE(check()) << i;
    (void)test.memory->Remove(PackObject(packs[i]));
    ASSERT_EQ(test.memory->Put(PackObject(packs[i]), base::Bytes(10)),
              storage::PutOutcome::kStored);
  }
  EXPECT_FALSE(check());
}

}  // namespace
}  // namespace holdfast::repo
