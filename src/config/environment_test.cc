#include "config/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace holdfast::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Read {
  Settings settings;
  std::vector<Problem> problems;
};

Read ReadVariables(const Environment& environment, Settings settings = {}) {
  Read read{std::move(settings), {}};
  ReadEnvironment(environment, "/srv/stack", read.settings, read.problems);
  return read;
}

struct Case {
  std::string variable;
  Key key;
};

class EnvironmentMapping : public testing::TestWithParam<Case> {};

TEST_P(EnvironmentMapping, FindsTheKey) {
  const Read read = ReadVariables({{GetParam().variable, "1"}});
  EXPECT_THAT(read.problems, IsEmpty());
  ASSERT_TRUE(read.settings.values.contains(GetParam().key));
  EXPECT_EQ(read.settings.values.at(GetParam().key).origin.ToText(), GetParam().variable);
  EXPECT_EQ(read.settings.values.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, EnvironmentMapping,
    testing::Values(
        Case{"HOLDFAST_TIMEZONE", {"timezone"}},
        Case{"HOLDFAST_REPOSITORY_MAIN_URL", {"repository", "main", "url"}},
        Case{"HOLDFAST_REPOSITORY_URL", {"repository", "main", "url"}},
        Case{"HOLDFAST_REPOSITORY_KEY_FILE", {"repository", "main", "key_file"}},
        Case{"HOLDFAST_REPOSITORY_PASSPHRASE_FILE", {"repository", "main", "passphrase_file"}},
        Case{"HOLDFAST_REPOSITORY_OFF_SITE_PASSPHRASE", {"repository", "off_site", "passphrase"}},
        Case{"HOLDFAST_REPOSITORY_SECRET_ACCESS_KEY", {"repository", "main", "secret_access_key"}},
        Case{"HOLDFAST_REPOSITORY_OFF_ACCESS_KEY_ID_FILE",
             {"repository", "off", "access_key_id_file"}},
        Case{"HOLDFAST_REPOSITORY_MAIN_SECRET_ACCESS_KEY_FILE",
             {"repository", "main", "secret_access_key_file"}},
        Case{"HOLDFAST_SOURCE_SHOP_CONNECTION", {"source", "shop", "connection"}},
        Case{"HOLDFAST_SOURCE_SHOP_DATA_DIRECTORY", {"source", "shop", "data_directory"}},
        Case{"HOLDFAST_SOURCE_MY_SHOP_JOBS", {"source", "my_shop", "jobs"}},
        Case{"HOLDFAST_SOURCE_SHOP_JOB_BASE_KIND", {"source", "shop", "job", "base", "kind"}},
        Case{"HOLDFAST_SOURCE_SHOP_JOB_BASE_RETENTION_WAL_DAYS",
             {"source", "shop", "job", "base", "retention", "wal_days"}},
        Case{"HOLDFAST_SOURCE_SHOP_COPIES_0_REPOSITORY",
             {"source", "shop", "copies", "0", "repository"}},
        Case{"HOLDFAST_SOURCE_SHOP_HEALTH_RTO", {"source", "shop", "health", "rto"}},
        Case{"HOLDFAST_NOTIFY_URLS", {"notify", "urls"}}));

TEST(Environment, PrefersTheNamesOfTheFile) {
  Settings settings;
  settings.AddTable({"source", "my-shop.eu"});
  const Read read = ReadVariables({{"HOLDFAST_SOURCE_MY_SHOP_EU_TYPE", "postgres"}}, settings);
  EXPECT_TRUE(read.settings.values.contains({"source", "my-shop.eu", "type"}));
  EXPECT_THAT(read.settings.Names({"source"}), ElementsAre("my-shop.eu"));
}

TEST(Environment, MakesTheTablesItNames) {
  const Read read = ReadVariables({{"HOLDFAST_SOURCE_SHOP_JOB_BASE_KIND", "backup"}});
  EXPECT_THAT(read.settings.Names({"source"}), ElementsAre("shop"));
  EXPECT_THAT(read.settings.Names({"source", "shop", "job"}), ElementsAre("base"));
}

TEST(Environment, TreatsAnEmptyVariableAsNotSet) {
  EXPECT_THAT(ReadVariables({{"HOLDFAST_TIMEZONE", ""}}).settings.values, IsEmpty());
}

TEST(Environment, SplitsListsAtCommas) {
  const Read read = ReadVariables({{"HOLDFAST_NOTIFY_ON", "failure, recovery ,"}});
  EXPECT_THAT(read.settings.values.at({"notify", "on"}).values, ElementsAre("failure", "recovery"));
}

TEST(Environment, LeavesTheVariablesOfContainerEnginesAlone) {
  const Read read =
      ReadVariables({{"HOLDFAST_PORT_8080_TCP", "tcp://"}, {"HOLDFAST_SERVICE_HOST", "x"}});
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_THAT(read.settings.values, IsEmpty());
}

TEST(Environment, SuggestsTheNearestVariable) {
  const Read read = ReadVariables({{"HOLDFAST_REPOSITORY_MAIN_ULR", "x"}});
  ASSERT_EQ(read.problems.size(), 1U);
  EXPECT_EQ(read.problems.front().origin.ToText(), "HOLDFAST_REPOSITORY_MAIN_ULR");
  EXPECT_THAT(read.problems.front().hints,
              Contains(HasSubstr("did you mean HOLDFAST_REPOSITORY_MAIN_URL?")));
}

TEST(Environment, ReadsSecretsFromFilesTrimmed) {
  const std::string path = testing::TempDir() + "/holdfast_environment_test_secret";
  base::WriteFileDurably(path, base::AsBytes(" host=db password=x\r\n"));
  const Read read = ReadVariables({{"HOLDFAST_SOURCE_SHOP_CONNECTION_FILE", path}});
  EXPECT_EQ(read.settings.values.at({"source", "shop", "connection"}).values.front(),
            "host=db password=x");
  std::filesystem::remove(path);
}

TEST(Environment, ReportsASecretFileThatIsMissing) {
  const Read read =
      ReadVariables({{"HOLDFAST_SOURCE_SHOP_CONNECTION_FILE", "/nonexistent/secret"}});
  ASSERT_EQ(read.problems.size(), 1U);
  EXPECT_THAT(read.problems.front().message, HasSubstr("/nonexistent/secret"));
}

}  // namespace
}  // namespace holdfast::config
