// Which files and pages a verification names, in trees that are made up for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "repo/pack.h"
#include "repo/writer.h"
#include "upkeep/testing/verify_cases.h"

namespace holdfast::upkeep {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

TEST(Verify, ListsAtMostAThousandPagesAndCountsAll) {
  repo::TestRepository repository;
  repo::Model model;
  base::Bytes& file = model.paged["big"];
  for (std::uint32_t page = 0; page < 1500; ++page) {
    base::Bytes content(repo::kPageSize, static_cast<std::uint8_t>(1 + page % 7));
    file.insert(file.end(), content.begin(), content.end());
  }
  (void)repo::WriteModel(repository.sound(), repo::BackupId::Parse("shop/20261121T070000Z-4f2a"),
                         model);
  for (const std::string& pack : ObjectsUnder(repository, repo::kPacksPrefix)) {
    repo::PackReader reader(repository.sound().keyring(), PackOf(pack),
                            *repository.memory->Get(pack));
    const base::Bytes contents = *repository.memory->Get(pack);
    if (reader.ReadFooter(contents, contents.size()).footer->frame(0).kind ==
        repo::FrameKind::kPages) {
      (void)repository.memory->Remove(pack);
    }
  }
  base::NullReporter report;
  std::uint64_t pages = 0;
  for (const Damage& damage : Verify(repository.repository(), {}, report, {}).damages) {
    for (const Damage::Hit& hit : damage.hits) {
      EXPECT_LE(hit.pages.size(), 1000U);
      EXPECT_EQ(hit.pages.size(), std::min<std::uint64_t>(hit.page_count, 1000));
      pages += hit.page_count;
    }
  }
  EXPECT_EQ(pages, 1500U);
}

TEST(Verify, FindsAFileThatIsNotTheOneThatWasDigested) {
  repo::TestRepository repository;
  {
    const repo::BackupId id = repo::BackupId::Parse("shop/20261121T070000Z-4f2a");
    repo::Writer writer(repository.sound(),
                        {.id = id, .parent = {}, .log_start = {}, .compression = {}});
    repo::TreeWriter tree(writer.meta());
    repo::TreeEntry entry;
    entry.path = "PG_VERSION";
    entry.size = 3;
    entry.content = repo::InlineContent{base::ToBytes("15\n")};
    entry.digest[0] = 1;
    tree.Add(entry);
    repo::SnapshotDraft draft;
    draft.kind = "cluster";
    draft.tree = tree.Finish();
    (void)writer.Commit(draft);
  }
  base::NullReporter report;
  const VerifyResult result = Verify(repository.repository(), {}, report, {});
  ASSERT_THAT(NamesOf(result.damages), ElementsAre("snapshots/shop/20261121T070000Z-4f2a"));
  ASSERT_THAT(result.damages[0].hits, SizeIs(1));
  EXPECT_EQ(result.damages[0].hits[0].path, "PG_VERSION");
}

TEST(Verify, CountsPagesFromTheStartOfAFileWithSeveralMaps) {
  repo::TestRepository repository;
  std::string pack;
  {
    const repo::BackupId id = repo::BackupId::Parse("shop/20261121T070000Z-4f2a");
    repo::Writer writer(repository.sound(),
                        {.id = id, .parent = {}, .log_start = {}, .compression = {}});
    repo::DataWriter data(writer);
    const base::Bytes page = repo::ModelPage(1, 1);
    const std::uint64_t hash = repository.sound().keyring().page_hasher()(page);
    const repo::FrameRef frame = data.AppendPages(page, std::span(&hash, 1));
    data.Flush();
    pack = ObjectsUnder(repository, repo::kPacksPrefix).at(0);
    repo::PageMapBuilder map;
    map.AddZero(repo::kPagesPerMap);
    repo::PagedContent content{{{.page_count = repo::kPagesPerMap, .map = map.Take()}}};
    map.AddZero(2);
    map.Add({.zero = false, .frame = frame, .index = 0});
    content.parts.push_back({.page_count = 3, .map = map.Take()});
    writer.names().Name(std::get<repo::PageMap>(content.parts[1].map));
    repo::TreeWriter tree(writer.meta());
    repo::TreeEntry entry;
    entry.path = "base/1/1";
    entry.size = std::uint64_t{repo::kPagesPerMap + 3} * repo::kPageSize;
    entry.content = content;
    tree.Add(entry);
    repo::SnapshotDraft draft;
    draft.kind = "cluster";
    draft.tree = tree.Finish();
    (void)writer.Commit(draft);
  }
  (void)repository.memory->Remove(pack);
  base::NullReporter report;
  const VerifyResult result = Verify(repository.repository(), {}, report, {});
  ASSERT_THAT(NamesOf(result.damages), ElementsAre(pack));
  ASSERT_THAT(result.damages[0].hits, SizeIs(1));
  EXPECT_THAT(result.damages[0].hits[0].pages, ElementsAre(repo::kPagesPerMap + 2));
}

TEST(Verify, FindsReferencesToWhatDoesNotExist) {
  repo::TestRepository repository;
  {
    const repo::BackupId id = repo::BackupId::Parse("shop/20261121T070000Z-4f2a");
    repo::Writer writer(repository.sound(),
                        {.id = id, .parent = {}, .log_start = {}, .compression = {}});
    repo::DataWriter data(writer);
    const base::Bytes page = repo::ModelPage(1, 1);
    const std::uint64_t hash = repository.sound().keyring().page_hasher()(page);
    const repo::FrameRef pages = data.AppendPages(page, std::span(&hash, 1));
    const repo::FrameRef bytes = data.AppendBytes(page);
    data.Flush();
    repo::PageMapBuilder map;
    map.Add({.zero = false, .frame = pages, .index = 0});
    map.Add({.zero = false, .frame = pages, .index = 1});
    map.Add({.zero = false, .frame = {pages.pack, 9}, .index = 0});
    repo::TreeWriter tree(writer.meta());
    repo::TreeEntry entry;
    entry.path = "a";
    entry.size = 3 * repo::kPageSize;
    repo::PageMap taken = map.Take();
    writer.names().Name(taken);
    entry.content = repo::PagedContent{{{.page_count = 3, .map = taken}}};
    tree.Add(entry);
    entry.path = "b";
    entry.size = 100;
    repo::ExtentContent content{.extents = {{bytes, 8150, 100}}, .lists = {}};
    writer.names().Name(content);
    entry.content = content;
    tree.Add(entry);
    repo::SnapshotDraft draft;
    draft.kind = "cluster";
    draft.tree = tree.Finish();
    (void)writer.Commit(draft);
  }
  base::NullReporter report;
  const VerifyResult result =
      Verify(repository.repository(), {.level = VerifyLevel::kMetadata}, report, {});
  ASSERT_THAT(result.damages, SizeIs(1));
  ASSERT_THAT(result.damages[0].hits, SizeIs(2));
  EXPECT_EQ(result.damages[0].hits[0].path, "a");
  EXPECT_THAT(result.damages[0].hits[0].pages, ElementsAre(1, 2));
  EXPECT_EQ(result.damages[0].hits[1].path, "b");
}

}  // namespace
}  // namespace holdfast::upkeep
