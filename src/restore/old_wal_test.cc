#include "restore/old_wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

namespace fs = std::filesystem;

using ::testing::UnorderedElementsAre;

class OldWalTest : public ::testing::Test {
 protected:
  OldWalTest() {
    facts.wal_segment_size = 1 << 20;
    base::MakeDirectories(pg_wal);
  }
  void Put(const base::Path& name, const base::Bytes& contents) const {
    base::MakeDirectories((pg_wal / name).parent_path());
    base::WriteFileDurably(pg_wal / name, contents);
  }
  static std::vector<std::string> NamesIn(const base::Path& directory) {
    return base::NamesIn(directory);
  }

  catalog::ClusterFacts facts;
  storage::TemporaryDirectory folder;
  const base::Path pg_wal = folder.path() / "pg_wal";
  const base::Bytes something = base::ToBytes("something");
};

TEST_F(OldWalTest, IsPutAsideButForWhatServersMakeAnew) {
  Put("000000010000000000000001", something);
  Put("000000010000000000000002", base::Bytes(1 << 20));  // prepared for use
  Put("000000010000000000000002.partial", something);
  Put("00000002.history", something);
  Put("000000010000000000000001.00000028.backup", something);
  Put("xlogtemp.77", something);
  Put("archive_status/000000010000000000000001.done", something);
  Put("lost+found/1", something);
  Put("somebody's", something);
  EXPECT_EQ(PutWalAside(facts, pg_wal), 4U);
  EXPECT_THAT(NamesIn(pg_wal), UnorderedElementsAre("before-restore", "lost+found"));
  EXPECT_THAT(NamesIn(pg_wal / kKeptWalFolder),
              UnorderedElementsAre("000000010000000000000001", "000000010000000000000002.partial",
                                   "00000002.history", "somebody's"));
}

TEST_F(OldWalTest, NeverReplacesWhatWasPutAsideBefore) {
  Put("000000010000000000000001", something);
  EXPECT_EQ(PutWalAside(facts, pg_wal), 1U);
  Put("000000010000000000000001", something);
  PutWalAside(facts, pg_wal);
  EXPECT_THAT(NamesIn(pg_wal), UnorderedElementsAre("before-restore"));
  Put("000000010000000000000001", base::ToBytes("another branch"));
  PutWalAside(facts, pg_wal);
  EXPECT_THAT(NamesIn(pg_wal), UnorderedElementsAre("before-restore", "before-restore-2"));
  EXPECT_EQ(base::ReadFile(pg_wal / "before-restore/000000010000000000000001"), something);
}

}  // namespace
}  // namespace holdfast::restore
