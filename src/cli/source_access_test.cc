#include "cli/source_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "pg/control_file.h"
#include "pg/testing/test_data.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::cli {
namespace {

class SystemBesideTest : public testing::Test {
 protected:
  SystemBesideTest() {
    base::MakeDirectories(data_ / "global");
    base::WriteFileDurably(data_ / "global/pg_control", control_);
  }

  storage::TemporaryDirectory directory_;
  const base::Path data_ = directory_.path() / "data";
  const base::Path elsewhere_ = directory_.path() / "else/where";
  const base::Bytes control_ = pg::ReadTestData("pg_control_15");
  const pg::SystemIdentifier system_ = pg::ParseControlFile(control_).system_identifier;
};

TEST_F(SystemBesideTest, FindsTheControlFileBesidePgWal) {
  EXPECT_EQ(SystemBeside(data_ / "pg_wal/00000002.history", elsewhere_), system_);
  EXPECT_EQ(SystemBeside("pg_wal/00000002.history", data_), system_);
  EXPECT_EQ(SystemBeside("00000002.history", data_ / "pg_wal"), system_);
  EXPECT_EQ(SystemBeside(data_ / "pg_wal/before-restore/00000002.history", elsewhere_), system_);
}

TEST_F(SystemBesideTest, LooksInTheWorkingDirectoryWherePgWalIsElsewhere) {
  EXPECT_EQ(SystemBeside("/wal/of/shop/00000002.history", data_), system_);
}

TEST_F(SystemBesideTest, SaysWhenThereIsNone) {
  try {
    (void)SystemBeside(directory_.path() / "a/pg_wal/00000002.history", elsewhere_);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kNotFound);
    EXPECT_FALSE(error.hints().empty());
  }
}

}  // namespace
}  // namespace holdfast::cli
