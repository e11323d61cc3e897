#include "repo/page_map.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "repo/pack.h"

namespace holdfast::repo {
namespace {

PackId Pack(std::uint8_t number) {
  PackId id;
  id.bytes.fill(number);
  return id;
}

PagePlace Place(std::uint8_t pack, std::uint32_t frame, std::uint32_t index) {
  return {.zero = false, .frame = {Pack(pack), frame}, .index = index};
}

base::ErrorKind KindOf(const base::Bytes& bytes) {
  try {
    (void)DecodePageMap(bytes);
  } catch (const base::Error& error) {
    return error.kind();
  }
  return base::ErrorKind::kInternal;
}

PageMap TwoRuns() {
  PageMapBuilder builder;
  for (std::uint32_t page = 0; page < 40; ++page) builder.Add(Place(7, 3 + page / 16, page % 16));
  builder.AddZero(2);
  return builder.Take();
}

TEST(PageMapBuilder, JoinsNeighboursAcrossFullFramesIntoOneRun) {
  const PageMap map = TwoRuns();
  ASSERT_EQ(map.runs.size(), 2U);
  EXPECT_EQ(map.runs[0], (PageRun{.first_page = 0, .page_count = 40, .pack = 0, .frame = 3}));
  EXPECT_EQ(map.runs[1], (PageRun{.first_page = 40, .page_count = 2}));
  EXPECT_EQ(map.page_count, 42U);
}

TEST(PageMapBuilder, DoesNotJoinAcrossAFrameThatWasNotFull) {
  PageMapBuilder builder;
  builder.Add(Place(1, 0, 3));
  builder.Add(Place(1, 1, 0));
  EXPECT_EQ(builder.Take().runs.size(), 2U);
}

TEST(PageMapBuilder, RefusesMorePagesThanAMapHolds) {
  PageMapBuilder builder;
  builder.AddZero(kPagesPerMap);
  EXPECT_THROW(builder.AddZero(1), base::Error);
  EXPECT_THROW(builder.Add(Place(1, 0, 0)), base::Error);
}

TEST(PageMapBuilder, RefusesAnIndexOutsideAFrame) {
  PageMapBuilder builder;
  EXPECT_THROW(builder.Add(Place(1, 0, kPagesPerFrame)), base::Error);
}

TEST(PageMap, FindsThePageInLaterFramesOfARun) {
  const PageMap map = TwoRuns();
  EXPECT_EQ(map.Find(0).frame, (FrameRef{Pack(7), 3}));
  EXPECT_EQ(map.Find(39).frame, (FrameRef{Pack(7), 5}));
  EXPECT_EQ(map.Find(39).index, 7U);
  EXPECT_TRUE(map.Find(41).zero);
  EXPECT_THROW((void)map.Find(42), base::Error);
}

TEST(EncodePageMap, IsTheBytesThatTheFormatDescribes) {
  base::Bytes expected = {1, 42, 1};
  expected.insert(expected.end(), 32, 7);
  // Two runs: pack 1 for 40 pages from page 48 of the pack on, then two zero pages.
  for (const int byte : {2, 1, 39, 96, 0, 1}) expected.push_back(static_cast<std::uint8_t>(byte));
  EXPECT_EQ(EncodePageMap(TwoRuns()), expected);
}

TEST(EncodePageMap, RefusesAMapWithAHoleOrAPackItDoesNotUse) {
  PageMap hole = TwoRuns();
  hole.runs[1].first_page = 41;
  EXPECT_THROW((void)EncodePageMap(hole), base::Error);
  PageMap unused = TwoRuns();
  unused.packs.push_back(Pack(9));
  EXPECT_THROW((void)EncodePageMap(unused), base::Error);
  PageMap unnamed = TwoRuns();
  unnamed.packs[0] = PackId{};
  EXPECT_THROW((void)EncodePageMap(unnamed), base::Error);
}

TEST(DecodePageMap, RefusesEveryTruncationAndATrailingByte) {
  const base::Bytes whole = EncodePageMap(TwoRuns());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(KindOf({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}),
              base::ErrorKind::kCorrupt);
  }
  base::Bytes longer = whole;
  longer.push_back(0);
  EXPECT_EQ(KindOf(longer), base::ErrorKind::kCorrupt);
}

TEST(DecodePageMap, RefusesAnUnknownVersionAndRunsThatDoNotCover) {
  base::Bytes version = EncodePageMap(TwoRuns());
  version[0] = 2;
  EXPECT_EQ(KindOf(version), base::ErrorKind::kCorrupt);
  base::Bytes more_pages = EncodePageMap(TwoRuns());
  more_pages[1] = 43;
  EXPECT_EQ(KindOf(more_pages), base::ErrorKind::kCorrupt);
  base::Bytes fewer_pages = EncodePageMap(TwoRuns());
  fewer_pages[1] = 41;
  EXPECT_EQ(KindOf(fewer_pages), base::ErrorKind::kCorrupt);
}

TEST(DecodePageMap, RefusesTablesThatRepeatAPackOrNameNone) {
  PageMapBuilder builder;
  builder.Add(Place(1, 0, 0));
  builder.Add(Place(2, 0, 0));
  const base::Bytes good = EncodePageMap(builder.Take());
  base::Bytes repeated = good;
  std::fill_n(repeated.begin() + 3 + 32, 32, std::uint8_t{1});
  EXPECT_EQ(KindOf(repeated), base::ErrorKind::kCorrupt);
  base::Bytes none = good;
  std::fill_n(none.begin() + 3, 32, std::uint8_t{0});
  EXPECT_EQ(KindOf(none), base::ErrorKind::kCorrupt);
}

TEST(DecodePageMap, RefusesACountThatTheInputCannotHold) {
  // 8192 pages, no packs, 8192 runs announced, none there.
  EXPECT_EQ(KindOf({1, 0x80, 0x40, 0, 0x80, 0x40}), base::ErrorKind::kCorrupt);
}

// A page's content in the reference vector: which version of the page it is; 0 for an all-zero
// page.
struct History {
  std::vector<std::uint32_t> pages;                                 // the truth
  std::map<PackId, std::vector<std::vector<std::uint32_t>>> packs;  // pack, frame, page
  PageMap map;
};

// One backup: `changed` pages get new versions, packed in ascending order 16 to a frame; the file
// may grow or shrink.
void BackUp(History& history, std::uint8_t number, std::uint32_t new_size,
            const std::vector<bool>& changed, std::uint32_t& next_version) {
  const std::vector<std::uint32_t> before = history.pages;
  history.pages.resize(new_size);
  auto& frames = history.packs[Pack(number)];
  PageMapBuilder builder;
  for (std::uint32_t page = 0; page < new_size; ++page) {
    if (page < before.size() && !changed[page]) {
      builder.Add(history.map.Find(page));
      continue;
    }
    if (next_version % 5 == 0) {
      ++next_version;
      history.pages[page] = 0;
      builder.AddZero();
      continue;
    }
    history.pages[page] = next_version++;
    // Frames may be cut early, as at the end of a file's pages in a pack.
    if (frames.empty() || frames.back().size() == kPagesPerFrame || next_version % 29 == 0) {
      frames.emplace_back();
    }
    frames.back().push_back(history.pages[page]);
    builder.Add(Place(number, static_cast<std::uint32_t>(frames.size() - 1),
                      static_cast<std::uint32_t>(frames.back().size() - 1)));
  }
  history.map = DecodePageMap(EncodePageMap(builder.Take()));
}

RC_GTEST_PROP(PageMap, FindsExactlyTheRightPageAfterAnyHistoryOfIncrementals, ()) {
  History history;
  std::uint32_t next_version = 1;
  const auto backups = *rc::gen::inRange<std::uint8_t>(1, 12);
  for (std::uint8_t number = 1; number <= backups; ++number) {
    const auto size = *rc::gen::inRange<std::uint32_t>(0, 300);
    const auto changed = *rc::gen::container<std::vector<bool>>(300, rc::gen::arbitrary<bool>());
    BackUp(history, number, size, changed, next_version);
    RC_ASSERT(history.map.page_count == size);
    for (std::uint32_t page = 0; page < size; ++page) {
      const PagePlace place = history.map.Find(page);
      const std::uint32_t found =
          place.zero ? 0 : history.packs.at(place.frame.pack).at(place.frame.frame).at(place.index);
      RC_ASSERT(found == history.pages[page]);
    }
  }
}

RC_GTEST_PROP(DecodePageMap, GivesAWellFormedMapOrSaysCorrupt, ()) {
  base::Bytes bytes = EncodePageMap(TwoRuns());
  const auto position = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[position] = *rc::gen::arbitrary<std::uint8_t>();
  try {
    CheckPageMap(DecodePageMap(bytes), base::ErrorKind::kInternal);
  } catch (const base::Error& error) {
    RC_ASSERT(error.kind() == base::ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace holdfast::repo
