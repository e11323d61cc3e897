#include "restore/tree_walk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

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
  base::NullReporter report;
  OtherCopies nobody(snapshot, {}, repository.clock, report);
  const SetAside aside = WalkTree(frames, snapshot.facts.tree, nobody, {}, seen, {});
  EXPECT_THAT(seen.all, ElementsAre("directory pg_tblspc", "directory pg_tblspc/12abc",
                                    "file pg_tblspc/12abc/x", "tablespace pg_tblspc/16384",
                                    "directory pg_wal"));
  EXPECT_THAT(aside.warnings, ElementsAre(HasSubstr("pg_tblspc/elsewhere was a link to /away"),
                                          HasSubstr("pg_tblspc/notes.txt is left out"),
                                          HasSubstr("here it is a directory"),
                                          HasSubstr("server.crt was a link to /away")));
}

// Reads every file, and loses its repository at one of them.
class Reading final : public TreeSink {
 public:
  Reading(PieceReader& pieces, std::size_t lose_at, std::function<void()> lose)
      : pieces_(pieces), lose_at_(lose_at), lose_(std::move(lose)) {}

  void AddDirectory(const repo::TreeEntry&) override {}
  void AddTablespace(const repo::TreeEntry&, pg::Oid) override {}
  bool AddFile(repo::TreeEntry file) override {
    if (files.size() == lose_at_) lose_();
    files.emplace_back(file.path, pieces_.Content(file));
    return true;
  }
  std::vector<std::pair<std::string, base::Bytes>> files;

 private:
  PieceReader& pieces_;
  const std::size_t lose_at_;
  const std::function<void()> lose_;
};

TEST(WalkTree, GoesOnWithTheTreeOfACopyWhereItsOwnIsLost) {
  const auto id = repo::BackupId::Parse("shop/20261121T070003Z-4f2a");
  repo::Model model;
  std::vector<std::pair<std::string, base::Bytes>> expected;
  for (int i = 0; i < 500; ++i) {
    expected.emplace_back(fmt::format("base/{:04}", i), base::ToBytes(fmt::format("file {}", i)));
    model.plain.insert(expected.back());
  }
  for (const std::size_t lose_at : {0U, 1U, 127U, 128U, 300U, 499U}) {
    repo::TestRepository own;
    repo::TestRepository copy;
    base::NullReporter report;
    const repo::Snapshot backup = repo::WriteModel(own.repository(), id, model).snapshot;
    // Something else was there before, so that nothing lies where it does in the first one.
    (void)repo::WriteModel(copy.repository(), repo::BackupId::Parse("shop/20261120T070003Z-4f2a"),
                           {.paged = {}, .plain = {{"a", base::ToBytes("x")}}});
    (void)repo::WriteModel(copy.repository(), id, model);
    OtherCopies others(
        backup,
        {{.name = "far",
          .open =
              [&] { return repo::Repository::Open(copy.faulty, copy.clock, repo::TestUnlock()); }}},
        own.clock, report);
    repo::FrameReader frames(own.repository());
    PieceReader pieces(own.repository(), frames, others);
    Reading reading(pieces, lose_at, [&] {
      for (const auto& object : storage::ListAll(*own.memory, repo::kPacksPrefix))
        (void)own.memory->Remove(object.name);
    });
    (void)WalkTree(frames, backup.facts.tree, others, {}, reading, {});
    EXPECT_EQ(reading.files, expected) << lose_at;
  }
}

}  // namespace
}  // namespace holdfast::restore
