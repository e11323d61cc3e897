#include "repo/tree_codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <numeric>

#include "base/error.h"
#include "repo/pack.h"

namespace holdfast::repo {
namespace {

PackId Pack(std::uint8_t number) {
  PackId id;
  id.bytes.fill(number);
  return id;
}

std::optional<PackId> Named(const PackId& pack) { return pack; }

TreeEntry File(std::string path, std::uint64_t size, Content content) {
  TreeEntry entry;
  entry.path = std::move(path);
  entry.mode = 0600;
  entry.uid = 999;
  entry.gid = 70;
  entry.size = size;
  entry.modified = base::Time(base::Duration(1'800'000'000'123'456));
  entry.content = std::move(content);
  return entry;
}

PageMap SmallMap(std::uint32_t pages) {
  PageMapBuilder builder;
  for (std::uint32_t i = 0; i < pages; ++i) {
    builder.Add({.zero = false, .frame = {Pack(3), 5 + i / 16}, .index = i % 16});
  }
  return builder.Take();
}

std::vector<TreeEntry> EveryKind() {
  std::vector<TreeEntry> entries;
  TreeEntry root;
  root.type = FileType::kDirectory;
  root.mode = 0700;
  entries.push_back(root);
  entries.push_back(File("PG_VERSION", 3, InlineContent{base::ToBytes("17\n")}));
  entries.back().digest.fill(9);
  entries.push_back(File("base/1/1249", 3 * kPageSize - 5, PagedContent{{{3, SmallMap(3)}}}));
  entries.push_back(
      File("base/1/1259", std::uint64_t{kPagesPerMap + 1} * kPageSize,
           PagedContent{{{kPagesPerMap, FrameRef{Pack(8), 77}}, {1, FrameRef{PackId{}, 4}}}}));
  entries.push_back(File("base/1/empty", 0, {}));
  entries.push_back(
      File("base/dump", 300, ExtentContent{{{{Pack(3), 1}, 0, 100}, {{Pack(4), 0}, 7, 200}}, {}}));
  entries.push_back(
      File("base/long", std::uint64_t{1} << 40, ExtentContent{{}, {{Pack(8), 1}, {Pack(8), 2}}}));
  TreeEntry link;
  link.path = "pg_tblspc/16401";
  link.type = FileType::kSymlink;
  link.mode = 0777;
  link.link_target = "/mnt/fast";
  link.modified = base::Time(base::Duration(-5));
  entries.push_back(link);
  return entries;
}

base::Bytes Encode(const std::vector<TreeEntry>& entries) {
  TreeGroupEncoder encoder(Named);
  for (const TreeEntry& entry : entries) encoder.Add(entry);
  return encoder.Encode(encoder.packs());
}

std::vector<TreeEntry> Decode(base::ByteView frame, const PackId& self) {
  TreeGroupDecoder decoder(frame, self);
  std::vector<TreeEntry> entries;
  while (auto entry = decoder.Next()) entries.push_back(std::move(*entry));
  return entries;
}

base::ErrorKind KindOf(base::ByteView frame) {
  try {
    (void)Decode(frame, Pack(0xEE));
  } catch (const base::Error& error) {
    return error.kind();
  }
  return base::ErrorKind::kInternal;
}

TEST(TreeGroup, GivesBackEveryKindOfEntryAndPutsTheOwnPackForZero) {
  std::vector<TreeEntry> expected = EveryKind();
  const base::Bytes frame = Encode(expected);
  std::get<PagedContent>(expected[3].content).parts[1].map = FrameRef{Pack(0xEE), 4};
  EXPECT_EQ(Decode(frame, Pack(0xEE)), expected);
}

TEST(TreeGroup, RefusesEveryTruncationAndATrailingByte) {
  const base::Bytes whole = Encode(EveryKind());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(KindOf(base::ByteView(whole).first(size)), base::ErrorKind::kCorrupt) << size;
  }
  base::Bytes longer = whole;
  longer.push_back(0);
  EXPECT_EQ(KindOf(longer), base::ErrorKind::kCorrupt);
}

TEST(TreeGroup, RefusesRecordsOutOfOrderOrTwice) {
  std::vector<TreeEntry> entries = {File("b", 0, {}), File("a", 0, {})};
  EXPECT_EQ(KindOf(Encode(entries)), base::ErrorKind::kCorrupt);
  entries[1].path = "b";
  EXPECT_EQ(KindOf(Encode(entries)), base::ErrorKind::kCorrupt);
}

class TreeEntryRules : public testing::Test {
 protected:
  static void ExpectRefused(const TreeEntry& entry) {
    EXPECT_THROW(CheckTreeEntry(entry, base::ErrorKind::kInternal), base::Error) << entry.path;
    EXPECT_EQ(KindOf(Encode({entry})), base::ErrorKind::kCorrupt) << entry.path;
  }
};

TEST_F(TreeEntryRules, RefuseAPathThatLeavesTheTreeOrIsNotClean) {
  for (const std::string path : {"/etc/passwd", "..", "a/../b", "a//b", "a/", "./a", ""}) {
    ExpectRefused(File(path, 0, {}));
  }
  ExpectRefused(File(std::string("a\0b", 3), 0, {}));
  ExpectRefused(File(std::string(kMaxPath + 1, 'a'), 0, {}));
}

TEST_F(TreeEntryRules, RefuseContentThatIsNotOfTheSize) {
  ExpectRefused(File("a", 1, {}));
  ExpectRefused(File("a", 2, InlineContent{base::ToBytes("abc")}));
  ExpectRefused(File("a", 2, ExtentContent{{{{Pack(1), 0}, 0, 3}}, {}}));
  ExpectRefused(File("a", 4 * kPageSize, PagedContent{{{3, SmallMap(3)}}}));
  ExpectRefused(File("a", 2 * kPageSize, PagedContent{{{3, SmallMap(3)}}}));
  ExpectRefused(File("a", kMaxInline + 1, InlineContent{base::Bytes(kMaxInline + 1)}));
}

TEST_F(TreeEntryRules, RefuseExtentsOutsideAnyFrameAndPartsThatAreNotFull) {
  ExpectRefused(File("a", 2, ExtentContent{{{{Pack(1), 0}, kMaxFrameSize - 1, 2}}, {}}));
  ExpectRefused(File("a", 0, ExtentContent{{{{Pack(1), 0}, 0, 0}}, {}}));
  ExpectRefused(File("a", 6 * kPageSize, PagedContent{{{3, SmallMap(3)}, {3, SmallMap(3)}}}));
}

TEST_F(TreeEntryRules, RefuseALinkWithoutATargetAndModeBitsThatAreNoPermissions) {
  TreeEntry link;
  link.path = "a";
  link.type = FileType::kSymlink;
  ExpectRefused(link);
  TreeEntry mode = File("a", 0, {});
  mode.mode = 0100600;
  ExpectRefused(mode);
}

TEST(TreeIndex, GivesBackItsEntriesAndRefusesDisorder) {
  const std::vector<TreeIndexEntry> entries = {
      {"", {Pack(1), 0}}, {"base/1/2", {Pack(2), 9}}, {"base/3", {Pack(1), 7}}};
  TreeIndexEncoder encoder(Named);
  for (const TreeIndexEntry& entry : entries) encoder.Add(entry);
  EXPECT_EQ(DecodeTreeIndex(encoder.Encode(encoder.packs()), Pack(5)), entries);
  encoder.Add({"base/2", {Pack(1), 8}});
  EXPECT_THROW((void)DecodeTreeIndex(encoder.Encode(encoder.packs()), Pack(5)), base::Error);
}

TEST(TreeIndex, IsFullBeforeSharedBeginningsMakeItTooLongToRead) {
  TreeIndexEncoder encoder(Named);
  std::string path(kMaxPath - 8, 'a');
  for (int i = 0; !encoder.full(); ++i) {
    encoder.Add({path + std::to_string(1'000'000 + i), {Pack(1), 0}});
  }
  EXPECT_FALSE(DecodeTreeIndex(encoder.Encode(encoder.packs()), Pack(5)).empty());
}

TEST(Extents, AreGivenBackAndCheckedOneByOne) {
  std::vector<Extent> extents;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const auto pack = static_cast<std::uint8_t>(1 + i / 1000);
    extents.push_back({{Pack(pack), i % 1000}, i % 7, kMaxFrameSize - 7});
  }
  const base::Bytes frame = EncodeExtents(extents);
  EXPECT_LT(frame.size(), extents.size() * 7 + 200);
  EXPECT_EQ(DecodeExtents(frame), extents);
  extents[5].offset = 8;
  EXPECT_THROW((void)DecodeExtents(EncodeExtents(extents)), base::Error);
}

TEST(PackTableBuilder, GivesAPackOneNumberUnderItsProvisionalIdAndItsName) {
  std::map<PackId, PackId> names;
  PackTableBuilder table([&](const PackId& id) -> std::optional<PackId> {
    if (id.bytes[0] < 100) return id;
    const auto it = names.find(id);
    return it == names.end() ? std::nullopt : std::optional(it->second);
  });
  EXPECT_EQ(table.Number(Pack(200)), 0U);
  EXPECT_EQ(table.Number(Pack(1)), 1U);
  names[Pack(200)] = Pack(2);
  EXPECT_EQ(table.Number(Pack(2)), 0U);
  EXPECT_EQ(table.Number(Pack(200)), 0U);
  EXPECT_EQ(table.packs().size(), 2U);
  EXPECT_EQ(table.packs()[0], Pack(2));
}

TEST(StartsTreeGroup, CutsAboutEvery128thPathAndOnlyByThePath) {
  int cuts = 0;
  for (int i = 0; i < 200'000; ++i) {
    if (StartsTreeGroup("base/16384/" + std::to_string(16384 + i))) ++cuts;
  }
  EXPECT_GT(cuts, 200'000 / 128 / 2);
  EXPECT_LT(cuts, 200'000 / 128 * 2);
}

TEST(StartsTreeGroup, NeverChangesAsTreesAreSharedBetweenVersions) {
  std::uint32_t checksum = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    if (StartsTreeGroup("base/5/" + std::to_string(i))) checksum = checksum * 31 + i;
  }
  EXPECT_EQ(checksum, 3264036944U);
}

RC_GTEST_PROP(TreeGroup, GivesBackAnySortedEntries, ()) {
  const auto names = *rc::gen::container<std::map<std::string, std::uint16_t>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'e'))),
      rc::gen::arbitrary<std::uint16_t>());
  std::vector<TreeEntry> entries;
  for (const auto& [name, number] : names) {
    if (number % 3 == 0) {
      entries.push_back(File(name, number % 500U, InlineContent{base::Bytes(number % 500U, 7)}));
    } else {
      const std::uint32_t pages = number % 40U + 1;
      entries.push_back(File(name, pages * kPageSize, PagedContent{{{pages, SmallMap(pages)}}}));
    }
    entries.back().modified = base::Time(base::Duration(*rc::gen::arbitrary<std::int32_t>()));
  }
  RC_ASSERT(Decode(Encode(entries), Pack(1)) == entries);
}

RC_GTEST_PROP(TreeGroup, GivesCheckedEntriesOrSaysCorruptForAlteredBytes, ()) {
  base::Bytes frame = Encode(EveryKind());
  const auto position = *rc::gen::inRange<std::size_t>(0, frame.size());
  frame[position] = *rc::gen::arbitrary<std::uint8_t>();
  try {
    for (const TreeEntry& entry : Decode(frame, Pack(0xEE))) {
      CheckTreeEntry(entry, base::ErrorKind::kInternal);
    }
  } catch (const base::Error& error) {
    RC_ASSERT(error.kind() == base::ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace holdfast::repo
