#include "restore/config_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::restore {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Texts = std::map<std::string, std::string>;

std::map<std::string, std::string> InForce(const Texts& texts) {
  ConfigFiles files{.paths = {}, .read = [&](const std::string& path) {
                      const auto found = texts.find(path);
                      return found == texts.end() ? std::nullopt : std::optional(found->second);
                    }};
  for (const auto& [path, text] : texts) files.paths.push_back(path);
  return SettingsInForce(files);
}

TEST(ParseConfig, ReadsStatementsAsTheServerDoes) {
  EXPECT_THAT(ParseConfig("# comment\n"
                          "Port = 5432\n"
                          "  work_mem 8MB # more\r\n"
                          "search_path='a, ''b'' \\'c\\\\ \\101'#x\n"
                          "auto_explain.x=on\n"
                          "empty = ''"),
              ElementsAre(ConfigStatement{"port", "5432"}, ConfigStatement{"work_mem", "8MB"},
                          ConfigStatement{"search_path", "a, 'b' 'c\\ A"},
                          ConfigStatement{"auto_explain.x", "on"}, ConfigStatement{"empty", ""}));
}

TEST(ParseConfig, LeavesOutWhatTheServerWouldNotTake) {
  EXPECT_THAT(ParseConfig("open = 'never closed\n= 5\nname =\n'quoted' = 5\na = 1 2\n\n"),
              ElementsAre());
}

TEST(SettingsInForce, LetsTheLastOfSeveralWin) {
  EXPECT_THAT(InForce({{"postgresql.conf", "port = 1\nPORT = 2\n"}}),
              UnorderedElementsAre(Pair("port", "2")));
}

TEST(SettingsInForce, ReadsWhatAlterSystemWroteLast) {
  EXPECT_THAT(
      InForce({{"postgresql.auto.conf", "port = '3'\n"}, {"postgresql.conf", "port = 1\n"}}),
      UnorderedElementsAre(Pair("port", "3")));
}

TEST(SettingsInForce, FollowsIncludesFromTheFolderOfTheFileThatNamesThem) {
  EXPECT_THAT(
      InForce({{"postgresql.conf",
                "port = 1\ninclude 'more/one.conf'\n"
                "include_if_exists = 'gone.conf'\nwork_mem = 4MB\n"},
               {"more/one.conf", "port = 2\nwork_mem = 1MB\ninclude 'two'\n"},
               {"more/two", "fsync = off\n"}}),
      UnorderedElementsAre(Pair("port", "2"), Pair("work_mem", "4MB"), Pair("fsync", "off")));
}

TEST(SettingsInForce, ReadsAFoldersVisibleFilesInTheirOrder) {
  EXPECT_THAT(InForce({{"postgresql.conf", "include_dir = 'conf.d/'\n"},
                       {"conf.d/1.conf", "port = 1\n"},
                       {"conf.d/2.conf", "port = 2\n"},
                       {"conf.d/.3.conf", "port = 3\n"},
                       {"conf.d/4.bak", "port = 4\n"},
                       {"conf.d/deeper/5.conf", "port = 5\n"}}),
              UnorderedElementsAre(Pair("port", "2")));
}

TEST(SettingsInForce, EndsWhereFilesIncludeOneAnother) {
  EXPECT_THAT(InForce({{"postgresql.conf", "port = 1\ninclude 'postgresql.conf'\n"}}),
              UnorderedElementsAre(Pair("port", "1")));
}

}  // namespace
}  // namespace holdfast::restore
