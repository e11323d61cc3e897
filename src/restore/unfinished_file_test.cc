#include "restore/unfinished_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

class Unfinished : public ::testing::Test {
 protected:
  storage::TemporaryDirectory folder;
  const base::Path path = folder.path() / "shop.tar";
};

TEST_F(Unfinished, GetsItsNameWhenItIsPublished) {
  UnfinishedFile file(path);
  file.file().Append(base::AsBytes("all"));
  EXPECT_FALSE(base::Exists(path));
  file.Publish();
  EXPECT_EQ(base::NamesIn(folder.path()), std::vector<std::string>{"shop.tar"});
  EXPECT_EQ(base::AsText(base::ReadFile(path)), "all");
}

TEST_F(Unfinished, LeavesNothingWhenItIsGivenUp) {
  { const UnfinishedFile file(path); }
  EXPECT_TRUE(base::NamesIn(folder.path()).empty());
}

TEST_F(Unfinished, NeverReplacesWhatTookTheNameMeanwhile) {
  {
    UnfinishedFile file(path);
    base::WriteFileDurably(path, base::AsBytes("theirs"));
    EXPECT_THROW(file.Publish(), base::Error);
  }
  EXPECT_EQ(base::NamesIn(folder.path()), std::vector<std::string>{"shop.tar"});
  EXPECT_EQ(base::AsText(base::ReadFile(path)), "theirs");
}

TEST_F(Unfinished, RefusesANameThatIsTakenAndAFolderThatIsNot) {
  EXPECT_NO_THROW(CheckFreeName(path));
  EXPECT_THROW(CheckFreeName(folder.path()), base::Error);
  EXPECT_THROW(CheckFreeName(folder.path() / "none" / "shop.tar"), base::Error);
}

}  // namespace
}  // namespace holdfast::restore
