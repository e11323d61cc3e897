#include "repo/tree.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/error.h"
#include "repo/content_store.h"
#include "repo/parent_tree.h"
#include "repo/testing/model_backup.h"
#include "repo/tree_codec.h"

namespace holdfast::repo {
namespace {

const BackupId kId = BackupId::Parse("shop/20261121T070003Z-4f2a");

WriterOptions Options() {
  return {.id = kId, .parent = {}, .log_start = {}, .pack_size = 4 * base::kKiB, .compression = {}};
}

TreeEntry Inline(std::string path, std::string_view text) {
  TreeEntry entry;
  entry.path = std::move(path);
  entry.size = text.size();
  if (!text.empty()) entry.content = InlineContent{base::ToBytes(text)};
  return entry;
}

// Sorted, as paths are.
std::vector<TreeEntry> ManyEntries(int count) {
  std::set<std::string> paths;
  for (int i = 0; i < count; ++i) paths.insert("base/16384/" + std::to_string(i));
  std::vector<TreeEntry> entries;
  for (const std::string& path : paths) entries.push_back(Inline(path, path));
  return entries;
}

// As a backup has it in the end: packs by their names.
TreeRoot WriteTree(Writer& writer, const std::vector<TreeEntry>& entries) {
  TreeWriter tree(writer.meta());
  for (const TreeEntry& entry : entries) tree.Add(entry);
  TreeRoot root = tree.Finish();
  writer.meta().Flush();
  for (FrameRef& ref : root.index_frames) ref.pack = writer.names().Named(ref.pack);
  return root;
}

std::vector<TreeEntry> ReadTree(TreeReader& tree) {
  std::vector<TreeEntry> entries;
  while (std::optional<TreeEntry> entry = tree.Next()) entries.push_back(std::move(*entry));
  return entries;
}

TEST(Tree, GivesBackManyEntriesInOrderAndFindsEachByPath) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  const std::vector<TreeEntry> entries = ManyEntries(5000);
  const TreeRoot root = WriteTree(writer, entries);
  EXPECT_EQ(root.entry_count, entries.size());
  FrameReader frames(test.sound());
  TreeReader tree(frames, root);
  for (std::size_t i = 0; i < entries.size(); i += 37) {
    EXPECT_EQ(tree.Find(entries[i].path), entries[i]);
  }
  EXPECT_FALSE(tree.Find("a"));
  EXPECT_FALSE(tree.Find("base/16384/12x"));
  EXPECT_FALSE(tree.Find("z"));
  EXPECT_EQ(ReadTree(tree), entries);
}

// A cluster's files: three of each relation, each of a page or two in one pack.
std::vector<TreeEntry> ClusterEntries(const PackId& pack, int count) {
  std::vector<TreeEntry> entries;
  for (int i = 0; i < count; ++i) {
    TreeEntry entry;
    entry.path = "base/16384/" + std::to_string(100'000 + i / 3) +
                 (i % 3 == 1   ? "_fsm"
                  : i % 3 == 2 ? "_vm"
                               : "");
    entry.mode = 0600;
    entry.uid = 105;
    entry.gid = 106;
    entry.modified = base::Time(std::chrono::microseconds(1'790'000'000'123'456 + i * 7'654'321LL));
    const std::uint32_t pages = 1 + i % 5;
    entry.size = std::uint64_t{pages} * kPageSize;
    PageMapBuilder map;
    for (std::uint32_t page = 0; page < pages; ++page) {
      const std::uint32_t position = i * 5 + page;
      map.Add({.zero = false, .frame = {pack, position / 16}, .index = position % 16});
    }
    entry.content = PagedContent{{{.page_count = pages, .map = map.Take()}}};
    entries.push_back(std::move(entry));
  }
  return entries;
}

// Twenty stretches of ten files, as a few tables that were written to have it.
void TouchSomeTables(std::vector<TreeEntry>& entries, std::mt19937_64& random) {
  for (int table = 0; table < 20; ++table) {
    const std::size_t first = random() % (entries.size() - 10);
    for (std::size_t i = 0; i < 10; ++i) entries[first + i].modified += std::chrono::seconds(5);
  }
}

class SharedTree : public testing::Test {
 protected:
  SharedTree() {
    PackBuilder content(test.sound().keyring(), PackKind::kData, {});
    content.Append(FrameKind::kBytes, base::AsBytes("pages"));
    const FinishedPack pack = content.Finish();
    EXPECT_EQ(test.memory->Put(PackObject(pack.id), pack.contents), storage::PutOutcome::kStored);
    entries = ClusterEntries(pack.id, 20'000);
  }

  // Returns what the tree's own frames take.
  std::uint64_t Write(const ParentTree::Use& use) {
    WriterOptions options = Options();
    options.pack_size = 32 * base::kMiB;
    Writer writer(test.sound(), options);
    FrameReader frames(test.repository());
    std::optional<ParentTree> parent;
    if (root) parent.emplace(frames, *root, use);
    TreeWriter tree(writer.meta(), parent ? &*parent : nullptr);
    for (const TreeEntry& entry : entries) tree.Add(entry);
    TreeRoot next = tree.Finish();
    writer.meta().Flush();
    for (FrameRef& ref : next.index_frames) ref.pack = writer.names().Named(ref.pack);
    root = std::move(next);
    return writer.stats().bytes_stored;
  }

  void ExpectWhole() {
    FrameReader frames(test.sound());
    TreeReader tree(frames, *root);
    EXPECT_EQ(ReadTree(tree), entries);
  }

  std::set<PackId> PacksOfTree() {
    FrameReader frames(test.sound());
    std::set<PackId> packs;
    for (const FrameRef& ref : root->index_frames) {
      packs.insert(ref.pack);
      for (const TreeIndexEntry& group : DecodeTreeIndex(*frames.Read(ref), ref.pack)) {
        packs.insert(group.frame.pack);
      }
    }
    return packs;
  }

  TestRepository test;
  std::vector<TreeEntry> entries;
  std::optional<TreeRoot> root;
  std::mt19937_64 random{20261121};
};

TEST_F(SharedTree, TakesOverTheFramesThatDidNotChange) {
  std::set<PackId> used;
  const auto use = [&](const PackId& pack) {
    used.insert(pack);
    return true;
  };
  const std::uint64_t whole = Write(use);
  for (int round = 0; round < 30; ++round) {
    TouchSomeTables(entries, random);
    used.clear();
    const std::uint64_t part = Write(use);
    EXPECT_LT(part, whole / 2) << round;
    ExpectWhole();
    std::set<PackId> packs = PacksOfTree();
    EXPECT_LE(packs.size(), kMaxSharedTreePacks + 1);
    packs.erase(root->index_frames[0].pack);
    EXPECT_EQ(packs, used);
  }
}

TEST_F(SharedTree, StoresNothingAgainButItsIndexWhenNothingChanged) {
  const auto use = [](const PackId&) { return true; };
  const std::uint64_t whole = Write(use);
  EXPECT_LT(Write(use), whole / 20);
  ExpectWhole();
}

TEST_F(SharedTree, StoresAgainWhatLiesInPacksThatMayNotBeUsed) {
  const auto use = [](const PackId&) { return false; };
  const std::uint64_t whole = Write(use);
  EXPECT_GT(Write(use), whole * 9 / 10);
  ExpectWhole();
  EXPECT_EQ(PacksOfTree().size(), 1U);
}

TEST_F(SharedTree, StoresAgainWhatCannotBeReadOfTheParent) {
  const auto use = [](const PackId&) { return true; };
  (void)Write(use);
  const std::string pack = PackObject(root->index_frames[0].pack);
  // In the frames, which are opened one by one.
  test.faulty->FlipBitAtRest(pack, test.memory->Stat(pack)->size / 2);
  (void)Write(use);
  ExpectWhole();
  (void)test.memory->Remove(PackObject(root->index_frames[0].pack));
  (void)Write(use);
  ExpectWhole();
  test.faulty->Inject({.verb = storage::Verb::kGetRange, .prefix = std::string(kPacksPrefix)});
  EXPECT_THROW((void)Write(use), base::Error);
}

TEST(Tree, MayBeEmpty) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  FrameReader frames(test.sound());
  TreeReader tree(frames, WriteTree(writer, {}));
  EXPECT_FALSE(tree.Next());
  EXPECT_FALSE(tree.Find("a"));
}

TEST(TreeWriter, RefusesEntriesOutOfOrderOrTwice) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  TreeWriter tree(writer.meta());
  tree.Add(Inline("b", ""));
  EXPECT_THROW(tree.Add(Inline("b", "")), base::Error);
  EXPECT_THROW(tree.Add(Inline("a", "")), base::Error);
  // As bytes, '-' comes before '/'.
  tree.Add(Inline("c-d", ""));
  EXPECT_THROW(tree.Add(Inline("c", "")), base::Error);
}

TEST(TreeReader, RefusesATreeThatLacksEntries) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  TreeRoot root = WriteTree(writer, ManyEntries(10));
  ++root.entry_count;
  FrameReader frames(test.sound());
  TreeReader tree(frames, root);
  EXPECT_THROW((void)ReadTree(tree), base::Error);
}

TEST(TreeReader, RefusesIndexFramesInAnotherOrder) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  TreeRoot first = WriteTree(writer, {Inline("a", "")});
  const TreeRoot second = WriteTree(writer, {Inline("b", "")});
  FrameReader frames(test.sound());
  first.index_frames.insert(first.index_frames.begin(), second.index_frames[0]);
  TreeReader tree(frames, first);
  EXPECT_THROW((void)tree.Next(), base::Error);
}

std::set<std::string> FirstPaths(FrameReader& frames, const TreeRoot& root) {
  std::set<std::string> paths;
  for (const FrameRef& ref : root.index_frames) {
    for (const TreeIndexEntry& entry : DecodeTreeIndex(*frames.Read(ref), ref.pack)) {
      paths.insert(entry.first_path);
    }
  }
  return paths;
}

TEST(TreeReader, ReadsOnBehindDamageWhenSomeoneIsTold) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  const std::vector<TreeEntry> entries = ManyEntries(5000);
  const TreeRoot root = WriteTree(writer, entries);
  for (const auto& object : storage::ListAll(*test.memory, kPacksPrefix)) {
    const std::unique_ptr<TestRepository> damaged = test.Clone();
    (void)damaged->memory->Remove(object.name);
    FrameReader frames(damaged->sound());
    std::set<FrameRef> bad;
    TreeReader tree(frames, root, [&](const FrameRef& frame, const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
      EXPECT_EQ(PackObject(frame.pack), object.name);
      EXPECT_TRUE(bad.insert(frame).second);
    });
    const std::vector<TreeEntry> left = ReadTree(tree);
    EXPECT_FALSE(bad.empty());
    EXPECT_LT(left.size(), entries.size());
    EXPECT_TRUE(std::ranges::includes(entries, left, {}, &TreeEntry::path, &TreeEntry::path));
    FrameReader strict_frames(damaged->sound());
    TreeReader strict(strict_frames, root);
    EXPECT_THROW((void)ReadTree(strict), base::Error);
  }
}

TEST(TreeReader, BlamesTheIndexOfATreeThatLacksEntries) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  TreeRoot root = WriteTree(writer, {Inline("a", "1"), Inline("b", "2")});
  ++root.entry_count;
  FrameReader frames(test.sound());
  std::vector<FrameRef> bad;
  TreeReader tree(frames, root,
                  [&](const FrameRef& frame, const base::Error&) { bad.push_back(frame); });
  EXPECT_EQ(ReadTree(tree).size(), 2U);
  EXPECT_EQ(bad, root.index_frames);
}

TEST(TreeWriter, CutsUnchangedStretchesTheSameWayInEveryBackup) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  FrameReader frames(test.sound());
  std::vector<TreeEntry> entries = ManyEntries(20'000);
  const std::set<std::string> before = FirstPaths(frames, WriteTree(writer, entries));
  EXPECT_GT(before.size(), 15U);
  entries.insert(entries.begin(), Inline("a/new/file", "x"));
  const std::set<std::string> after = FirstPaths(frames, WriteTree(writer, entries));
  std::vector<std::string> differing;
  std::ranges::set_symmetric_difference(before, after, std::back_inserter(differing));
  EXPECT_LE(differing.size(), 4U);
}

// A map of `runs` single pages, each from a frame of its own.
PageMap ScatteredMap(const PackId& pack, std::uint32_t runs) {
  PageMapBuilder builder;
  for (std::uint32_t i = 0; i < runs; ++i) {
    builder.Add({.zero = false, .frame = {pack, i * 2 + i % 3}, .index = i % 5});
  }
  return builder.Take();
}

TEST(TreeWriter, MovesMapsOutOfARecordThatWouldBeLong) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  PackId pack;
  pack.bytes.fill(7);
  TreeEntry entry;
  entry.path = "base/1/2";
  PagedContent content;
  for (int part = 0; part < 3; ++part) {
    content.parts.push_back({kPagesPerMap, ScatteredMap(pack, kPagesPerMap)});
  }
  entry.size = std::uint64_t{3} * kPagesPerMap * kPageSize;
  entry.content = content;
  FrameReader frames(test.sound());
  TreeReader tree(frames, WriteTree(writer, {entry}));
  const TreeEntry read = tree.Next().value();
  const auto& parts = std::get<PagedContent>(read.content).parts;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<FrameRef>(parts[2].map));
  EXPECT_EQ(frames.Map(parts[2]), std::get<PageMap>(content.parts[2].map));
}

TEST(StoreMap, KeepsSmallMapsInlineAndPutsOthersIntoFrames) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  DataWriter data(writer);
  const FrameRef frame = data.AppendBytes(base::Bytes(10));
  const PageMap small = ScatteredMap(frame.pack, 20);
  const PageMap large = ScatteredMap(frame.pack, 2000);
  EXPECT_THROW((void)StoreMap(writer, small), base::Error);
  data.Flush();
  EXPECT_TRUE(std::holds_alternative<PageMap>(StoreMap(writer, small).map));
  PagedContent::Part part = StoreMap(writer, large);
  writer.meta().Flush();
  auto& ref = std::get<FrameRef>(part.map);
  ref.pack = writer.names().Named(ref.pack);
  FrameReader frames(test.sound());
  EXPECT_EQ(frames.Map(part).runs, large.runs);
  part.page_count = 1999;
  EXPECT_THROW((void)frames.Map(part), base::Error);
}

TEST(StoreExtents, PutsLongListsIntoFramesAndReadsThemBackInOrder) {
  TestRepository test;
  Writer writer(test.repository(), Options());
  DataWriter data(writer);
  const FrameRef frame = data.AppendBytes(ModelPage(1, 1));
  data.Flush();
  std::vector<Extent> extents;
  for (std::uint32_t i = 0; i < 20'000; ++i) extents.push_back({frame, i % 8000, 1 + i % 190});
  ExtentContent content = StoreExtents(writer, extents);
  EXPECT_EQ(content.lists.size(), 3U);
  EXPECT_TRUE(content.extents.empty());
  writer.meta().Flush();
  for (FrameRef& list : content.lists) list.pack = writer.names().Named(list.pack);
  FrameReader frames(test.sound());
  std::size_t i = 0;
  const PackId pack = writer.names().Named(frame.pack);
  frames.ForEachExtent(content, [&](const Extent& extent) {
    ASSERT_EQ(extent, (Extent{{pack, 0}, extents[i].offset, extents[i].length}));
    ++i;
  });
  EXPECT_EQ(i, extents.size());
}

RC_GTEST_PROP(Tree, GivesBackAndFindsAnyEntries, ()) {
  TestRepository test;
  const auto names = *rc::gen::container<std::set<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'f'))));
  std::vector<TreeEntry> entries;
  for (const std::string& name : names) {
    entries.push_back(Inline(name, std::string(*rc::gen::inRange<std::size_t>(0, 512), 'x')));
  }
  Writer writer(test.repository(), Options());
  const TreeRoot root = WriteTree(writer, entries);
  FrameReader frames(test.sound());
  TreeReader tree(frames, root);
  for (const TreeEntry& entry : entries) RC_ASSERT(tree.Find(entry.path) == entry);
  RC_ASSERT(ReadTree(tree) == entries);
}

}  // namespace
}  // namespace holdfast::repo
