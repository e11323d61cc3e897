#include "cli/chosen_backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/testing/model_backup.h"

namespace holdfast::cli {
namespace {

using testing::HasSubstr;

class ChosenBackup : public testing::Test {
 protected:
  repo::BackupId Write(const std::string& source, const std::string& name) {
    return repo::WriteModel(test.sound(), {source, name}, {}).snapshot.id;
  }
  std::string Chosen(const std::string& word) {
    try {
      return ChooseBackup(test.sound(), word).ToString();
    } catch (const base::Error& error) {
      EXPECT_FALSE(error.hints().empty());
      return std::string(base::ErrorKindName(error.kind())) + ": " + error.message();
    }
  }

  repo::TestRepository test;
};

TEST_F(ChosenBackup, IsNamedInFullByAPrefixOrAsTheLatest) {
  (void)Write("shop", "20261121T060003Z-4f2a");
  (void)Write("shop", "20261121T070003Z-0000");
  EXPECT_EQ(Chosen("shop/20261121T060003Z-4f2a"), "shop/20261121T060003Z-4f2a");
  EXPECT_EQ(Chosen("shop/20261121T06"), "shop/20261121T060003Z-4f2a");
  EXPECT_EQ(Chosen("20261121T07"), "shop/20261121T070003Z-0000");
  EXPECT_EQ(Chosen("shop/latest"), "shop/20261121T070003Z-0000");
  EXPECT_THAT(Chosen("shop/2026"), HasSubstr("could be 2 backups"));
  EXPECT_THAT(Chosen("shop/2027"), HasSubstr("no backup is called"));
}

TEST_F(ChosenBackup, IsNotASourceThatHasOnlyOne) {
  (void)Write("shop", "20261121T060003Z-4f2a");
  EXPECT_THAT(Chosen("shop"), HasSubstr("shop is a source"));
  EXPECT_THAT(Chosen("lab/latest"), HasSubstr("no backup is called"));
}

TEST_F(ChosenBackup, IsSaidToBeForgotten) {
  const repo::BackupId id = Write("shop", "20261121T060003Z-4f2a");
  (void)test.memory->Put(repo::TombstoneObject(id), {});
  EXPECT_EQ(Chosen(id.ToString()),
            "not_found: backup shop/20261121T060003Z-4f2a has been forgotten");
}

}  // namespace
}  // namespace holdfast::cli
