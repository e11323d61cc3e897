#include "restore/portable_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::restore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PortableConfig, MakesPlacesOfTheSourceComments) {
  EXPECT_EQ(
      WithoutPlaces("port = 5432\nData_Directory='/old'\n  hba_file '/old/pg_hba.conf' # x\n"),
      "port = 5432\n"
      "# Left out by holdfast export: Data_Directory='/old'\n"
      "# Left out by holdfast export:   hba_file '/old/pg_hba.conf' # x\n");
}

TEST(PortableConfig, LeavesEverythingElseAsItIs) {
  for (const char* text :
       {"", "\n", "port = 1", "# data_directory = 'x'\n", "data_directory_mode=1\n"})
    EXPECT_EQ(WithoutPlaces(text), text);
}

TEST(PortableConfig, ComesToTheSameWhenAppliedTwice) {
  const std::string once = WithoutPlaces("ident_file = 'a'\nport = 1");
  EXPECT_EQ(WithoutPlaces(once), once);
}

ConfigOfBackup Config(std::map<std::string, std::string> settings) {
  return {.settings = std::move(settings), .outside_files = {}, .has = [](const std::string& path) {
            return path == "pg_hba.conf";
          }};
}

TEST(PortableConfig, NamesTheFilesToBeChanged) {
  const ConfigPlaces places =
      PortablePlaces(Config({}), {{"conf.d/a.conf", "data_directory = '/x'\n"},
                                  {"postgresql.conf", "include_dir 'conf.d'\n"}});
  EXPECT_THAT(places.changed, ElementsAre("conf.d/a.conf"));
  EXPECT_THAT(places.warnings, IsEmpty());
}

TEST(PortableConfig, WarnsOfAnAccessFileThatIsNotTheUsualOne) {
  EXPECT_THAT(PortablePlaces(Config({{"hba_file", "/old/pg_hba.conf"}}), {}).warnings, IsEmpty());
  EXPECT_THAT(PortablePlaces(Config({{"hba_file", "/etc/my_hba.conf"}}), {}).warnings,
              ElementsAre(HasSubstr("/etc/my_hba.conf")));
}

TEST(PortableConfig, KeepsTheProcessIdInTheDirectory) {
  EXPECT_EQ(PortablePlaces(Config({{"external_pid_file", "/run/x.pid"}}), {}).overrides.size(), 1U);
  EXPECT_THAT(PortablePlaces(Config({}), {}).overrides, IsEmpty());
}

}  // namespace
}  // namespace holdfast::restore
