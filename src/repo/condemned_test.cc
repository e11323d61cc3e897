#include "repo/condemned.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "storage/memory_storage.h"

namespace holdfast::repo {
namespace {

ShortPackId Pack(std::uint8_t number) {
  ShortPackId id;
  id.bytes.fill(number);
  return id;
}

class Condemned : public testing::Test {
 protected:
  void Put(const std::string& object, const std::vector<ShortPackId>& packs) {
    (void)storage_.Put(object, FormatCondemnedList({.created = clock_.Now(), .packs = packs}));
  }
  base::ManualClock clock_;
  storage::MemoryStorage storage_{clock_};
};

TEST_F(Condemned, ListsReadBackAsTheyWereWritten) {
  const CondemnedList list{
      .created = clock_.Now(),
      .packs = {Pack(1), Pack(2)},
      .logs = {{.source = "shop",
                .system = 7301234567890123456,
                .known_timeline = 3,
                .needs = {{.timeline = 2, .start = 1ULL << 60, .stop = (1ULL << 60) + 5},
                          {.timeline = 3, .start = 8, .stop = 9, .onward = true}}},
               {.source = "lab", .system = 1, .known_timeline = 1, .needs = {}}}};
  const CondemnedList read = ParseCondemnedList("prune/x", FormatCondemnedList(list));
  EXPECT_EQ(read.created, list.created);
  EXPECT_EQ(read.packs, list.packs);
  EXPECT_EQ(read.logs, list.logs);
}

TEST_F(Condemned, AListWithoutLogsIsOne) {
  const auto read =
      ParseCondemnedList("prune/x", FormatCondemnedList({.created = {}, .packs = {Pack(1)}}));
  EXPECT_TRUE(read.logs.empty());
}

TEST_F(Condemned, WhatAnExecutedListSparedStaysCondemned) {
  Put("prune/20261121T070003Z-aaaa", {Pack(1), Pack(2)});
  (void)storage_.Put("prune/20261121T070003Z-aaaa.done",
                     FormatExecutedMark({.finished = clock_.Now(), .rescued = {Pack(2)}}));
  CondemnedPacks condemned;
  condemned.Refresh(storage_);
  EXPECT_TRUE(condemned.Contains(Pack(1)));
  EXPECT_TRUE(condemned.Contains(Pack(2)));
  EXPECT_FALSE(condemned.Contains(Pack(3)));
}

TEST_F(Condemned, RefreshingAddsWhatIsNew) {
  CondemnedPacks condemned;
  condemned.Refresh(storage_);
  Put("prune/20261121T070003Z-aaaa", {Pack(1)});
  EXPECT_FALSE(condemned.Contains(Pack(1)));
  condemned.Refresh(storage_);
  EXPECT_TRUE(condemned.Contains(Pack(1)));
}

TEST_F(Condemned, AListThatCannotBeReadStopsWhoeverAsks) {
  (void)storage_.Put("prune/20261121T070003Z-aaaa", base::AsBytes("{\"created_at\":"));
  CondemnedPacks condemned;
  EXPECT_THROW(condemned.Refresh(storage_), base::Error);
}

}  // namespace
}  // namespace holdfast::repo
