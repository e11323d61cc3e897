#include "restore/old_cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "repo/testing/model_backup.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

namespace fs = std::filesystem;

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A backup of a few files, of which some lie in a tablespace.
class OldClusterTest : public ::testing::Test {
 protected:
  OldClusterTest() {
    repo::Writer writer(
        repository.repository(),
        {.id = repo::BackupId::New("shop", repository.clock.Now()), .parent = {}, .log_start = {}});
    repo::TreeWriter tree(writer.meta());
    Add(tree, "base", repo::FileType::kDirectory);
    Add(tree, "base/1", repo::FileType::kDirectory);
    Add(tree, "base/1/1259", repo::FileType::kRegular);
    Add(tree, "global", repo::FileType::kDirectory);
    Add(tree, "pg_tblspc", repo::FileType::kDirectory);
    Add(tree, "pg_tblspc/100", repo::FileType::kSymlink);
    Add(tree, "pg_tblspc/100/PG_15_1", repo::FileType::kDirectory);
    Add(tree, "pg_tblspc/100/PG_15_1/7", repo::FileType::kRegular);
    Add(tree, "pg_tblspc/stray", repo::FileType::kRegular);
    Add(tree, "pg_wal", repo::FileType::kDirectory);
    Add(tree, "server.crt", repo::FileType::kSymlink);
    repo::SnapshotDraft draft;
    draft.kind = "cluster";
    draft.tree = tree.Finish();
    plan.backup = writer.Commit(draft);
    plan.to = folder.path() / "data";
    plan.tablespaces = {{100, folder.path() / "space"}};
    for (const char* path :
         {"data/base/1/1259", "data/pg_wal/000000010000000000000001", "space/PG_15_1/7"})
      Put(path);
    fs::create_directories(plan.to / "pg_tblspc");
    fs::create_directory_symlink(folder.path() / "space", plan.to / "pg_tblspc/100");
  }

  static void Add(repo::TreeWriter& tree, const std::string& path, repo::FileType type) {
    repo::TreeEntry entry;
    entry.path = path;
    entry.type = type;
    if (type == repo::FileType::kRegular) entry.content = repo::InlineContent{};
    if (type == repo::FileType::kSymlink) entry.link_target = "/somewhere";
    tree.Add(entry);
  }

  base::Path Put(const base::Path& path) const {
    base::MakeDirectories((folder.path() / path).parent_path());
    base::WriteFileDurably(folder.path() / path, base::AsBytes("four"));
    return folder.path() / path;
  }

  std::vector<std::string> Strangers() {
    std::vector<std::string> strangers;
    OldCluster(repository.repository(), plan).ForEachStranger([&](const base::Path& place) {
      strangers.push_back(place.lexically_relative(folder.path()).native());
    });
    return strangers;
  }

  repo::TestRepository repository;
  storage::TemporaryDirectory folder;
  RestorePlan plan;
};

TEST_F(OldClusterTest, NamesNothingOfWhatIsAsItShouldBe) { EXPECT_THAT(Strangers(), IsEmpty()); }

TEST_F(OldClusterTest, NamesWhatTheBackupDoesNotHave) {
  Put("data/base/2/1259");
  Put("data/base/1/1260");
  Put("data/recovery.signal");
  Put("space/PG_15_1/8");
  EXPECT_THAT(Strangers(), UnorderedElementsAre("data/base/2", "data/base/1/1260",
                                                "data/recovery.signal", "space/PG_15_1/8"));
}

TEST_F(OldClusterTest, NamesWhatIsOfAnotherKind) {
  fs::remove(plan.to / "base/1/1259");
  fs::create_symlink(folder.path() / "space", plan.to / "base/1/1259");
  fs::remove(plan.to / "pg_tblspc/100");
  fs::create_directory_symlink(folder.path(), plan.to / "pg_tblspc/100");
  Put("data/pg_tblspc/stray");
  EXPECT_THAT(Strangers(), UnorderedElementsAre("data/base/1/1259", "data/pg_tblspc/100",
                                                "data/pg_tblspc/stray"));
}

TEST_F(OldClusterTest, RefusesATablespaceThatTheBackupDoesNotHave) {
  const OldCluster old(repository.repository(), plan);
  fs::remove(plan.to / "pg_tblspc/100");
  fs::create_directory_symlink(folder.path(), plan.to / "pg_tblspc/100");
  EXPECT_NO_THROW(old.RequireNoStrangeTablespace());  // its link is made anew
  fs::create_directory_symlink(folder.path(), plan.to / "pg_tblspc/200");
  EXPECT_THROW(old.RequireNoStrangeTablespace(), base::Error);
}

TEST_F(OldClusterTest, LeavesOtherVersionsMarksAndLinksAlone) {
  Put("space/PG_14_1/7");
  Put("space/holdfast-restore");
  Put("data/global/pg_control.holdfast");
  fs::create_symlink("/elsewhere", plan.to / "server.crt");
  EXPECT_THAT(Strangers(), IsEmpty());
}

TEST_F(OldClusterTest, RemovesThemWithoutFollowingLinks) {
  Put("data/base/2/1259");
  const base::Path precious = Put("precious/1");
  fs::create_directory_symlink(folder.path() / "precious", plan.to / "base/1/link");
  EXPECT_EQ(OldCluster(repository.repository(), plan).RemoveStrangers(), 2U);
  EXPECT_TRUE(fs::exists(precious));
  EXPECT_FALSE(fs::exists(plan.to / "base/2"));
  EXPECT_TRUE(fs::exists(plan.to / "base/1/1259"));
  EXPECT_TRUE(fs::exists(plan.to / "pg_wal/000000010000000000000001"));
}

TEST_F(OldClusterTest, CountsWhatIsThereByDirectory) {
  const auto bytes = OldCluster(repository.repository(), plan).Bytes();
  EXPECT_EQ(bytes.at(plan.to), 4U);
  EXPECT_EQ(bytes.at(folder.path() / "space"), 4U);
}

}  // namespace
}  // namespace holdfast::restore
