#include "restore/tree_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/testing/model_backup.h"

namespace holdfast::restore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TablespaceOf, IsTheWholeNameBelowPgTblspc) {
  EXPECT_EQ(TablespaceOf("pg_tblspc/16384"), 16384U);
  EXPECT_EQ(TablespaceOf("pg_tblspc/4294967295/PG_17_202406281/5/16385"), 4294967295U);
  for (const char* const path :
       {"base/5/1259", "pg_tblspc", "pg_tblspc/", "pg_tblspc/notes.txt", "pg_tblspc/12abc/x",
        "pg_tblspc/ 12", "pg_tblspc/-1", "pg_tblspc/0", "pg_tblspc/012", "pg_tblspc/4294967296"})
    EXPECT_EQ(TablespaceOf(path), std::nullopt) << path;
}

class Seen final : public TreeSink {
 public:
  void AddDirectory(const repo::TreeEntry& directory) override {
    all.push_back("directory " + directory.path);
  }
  void AddTablespace(const repo::TreeEntry& link, pg::Oid) override {
    all.push_back("tablespace " + link.path);
  }
  bool AddFile(repo::TreeEntry file) override {
    all.push_back("file " + file.path);
    return true;
  }
  std::vector<std::string> all;
};

repo::TreeEntry Entry(const std::string& path, repo::FileType type) {
  repo::TreeEntry entry;
  entry.path = path;
  entry.type = type;
  entry.mode = 0600;
  if (type == repo::FileType::kSymlink) entry.link_target = "/away";
  return entry;
}

TEST(WalkTree, MakesTablespacesOfTheirLinksAndLeavesStrangersOut) {
  using enum repo::FileType;
  repo::TestRepository repository;
  repo::WriterOptions options;
  options.id = repo::BackupId::Parse("shop/20261121T070003Z-4f2a");
  repo::Writer writer(repository.repository(), options);
  repo::TreeWriter tree(writer.meta());
  tree.Add(Entry("pg_tblspc", kDirectory));
  tree.Add(Entry("pg_tblspc/12abc", kDirectory));
  tree.Add(Entry("pg_tblspc/12abc/x", kRegular));
  tree.Add(Entry("pg_tblspc/16384", kSymlink));
  tree.Add(Entry("pg_tblspc/elsewhere", kSymlink));
  tree.Add(Entry("pg_tblspc/notes.txt", kRegular));
  tree.Add(Entry("pg_wal", kSymlink));
  tree.Add(Entry("server.crt", kSymlink));
  repo::SnapshotDraft draft;
  draft.kind = "cluster";
  draft.tree = tree.Finish();
  const repo::Snapshot snapshot = writer.Commit(draft);

  repo::FrameReader frames(repository.repository());
  Seen seen;
  const SetAside aside = WalkTree(frames, snapshot.facts.tree, {}, seen, {});
  EXPECT_THAT(seen.all, ElementsAre("directory pg_tblspc", "directory pg_tblspc/12abc",
                                    "file pg_tblspc/12abc/x", "tablespace pg_tblspc/16384",
                                    "directory pg_wal"));
  EXPECT_THAT(aside.warnings, ElementsAre(HasSubstr("pg_tblspc/elsewhere was a link to /away"),
                                          HasSubstr("pg_tblspc/notes.txt is left out"),
                                          HasSubstr("here it is a directory"),
                                          HasSubstr("server.crt was a link to /away")));
}

}  // namespace
}  // namespace holdfast::restore
