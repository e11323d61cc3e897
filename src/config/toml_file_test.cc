#include "config/toml_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Read {
  Settings settings;
  std::vector<Problem> problems;
};

Read ReadText(std::string_view text) {
  Read read;
  ReadToml(text, "/etc/holdfast/holdfast.toml", read.settings, read.problems);
  return read;
}

std::string Value(const Read& read, const Key& key) {
  const auto found = read.settings.values.find(key);
  return found == read.settings.values.end() ? "(none)" : found->second.values.front();
}

TEST(TomlFile, KeepsTheLineOfEveryValue) {
  const Read read = ReadText("\n\ntimezone = \"UTC\"\n");
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_EQ(read.settings.values.at({"timezone"}).origin.ToText(), "/etc/holdfast/holdfast.toml:3");
}

TEST(TomlFile, TakesAByteOrderMarkAndCarriageReturns) {
  const Read read =
      ReadText("\xef\xbb\xbftimezone = \"UTC\"\r\n\r\n[repository.main]\r\nurl = \"/b\"\r\n");
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_EQ(Value(read, {"timezone"}), "UTC");
  EXPECT_EQ(Value(read, {"repository", "main", "url"}), "/b");
}

TEST(TomlFile, KeepsTablesInTheOrderOfTheFile) {
  const Read read =
      ReadText("[repository.zebra]\nurl = \"/z\"\n[repository.apple]\nurl = \"/a\"\n");
  EXPECT_THAT(read.settings.Names({"repository"}), ElementsAre("zebra", "apple"));
}

TEST(TomlFile, TakesRelativePathsFromTheFilesFolder) {
  const Read read = ReadText("[repository.main]\nkey_file = \"keys/main.key\"\n");
  EXPECT_EQ(Value(read, {"repository", "main", "key_file"}), "/etc/holdfast/keys/main.key");
}

struct WrongCase {
  std::string text;
  std::size_t line;
  std::string message;
  std::string hint;
};

class TomlFileRefuses : public testing::TestWithParam<WrongCase> {};

TEST_P(TomlFileRefuses, NamingTheLineAndTheWayOut) {
  const Read read = ReadText(GetParam().text);
  ASSERT_EQ(read.problems.size(), 1U);
  const Problem& problem = read.problems.front();
  EXPECT_EQ(problem.origin.line, GetParam().line);
  EXPECT_THAT(problem.message, HasSubstr(GetParam().message));
  std::string hints;
  for (const std::string& hint : problem.hints) hints += hint;
  EXPECT_THAT(hints, HasSubstr(GetParam().hint));
}

INSTANTIATE_TEST_SUITE_P(
    All, TomlFileRefuses,
    testing::Values(
        WrongCase{"timezoen = \"UTC\"\n", 1, "unknown key \"timezoen\"",
                  "did you mean \"timezone\"?"},
        WrongCase{"[source.shop]\n\nconection = \"\"\n", 3,
                  "unknown key \"conection\" in [source.shop]", "did you mean \"connection\"?"},
        WrongCase{"[sorce.shop]\n", 1, "unknown key \"sorce\"", "did you mean \"source\"?"},
        WrongCase{"[source.shop.job.a]\nretention = { dayz = 3 }\n", 2, "unknown key \"dayz\"",
                  "did you mean \"days\"?"},
        WrongCase{"quite_something_else = 1\n", 1, "unknown key", "known there: timezone"},
        WrongCase{"[source.Shop]\n", 1, "\"Shop\" cannot be a name", "names are"},
        WrongCase{"[source.shop]\njobs = \"4\"\n", 2, "source.shop.jobs must be a whole number",
                  "write jobs = 4"},
        WrongCase{"[source.shop]\nconnection = 4\n", 2, "must be a text in quotes",
                  "write connection = \"...\""},
        WrongCase{"[source.shop]\ntail_interval = 4\n", 2, "must be a duration", "\"30s\""},
        WrongCase{"[source.shop]\ncopies = 4\n", 2, "must be a list of tables",
                  "[[source.shop.copies]]"},
        WrongCase{"[[repository]]\nurl = \"/b\"\n", 1, "repository must be a table",
                  "[repository.NAME]"},
        WrongCase{"source.shop = 1\n", 1, "source.shop must be a table", "[source.shop]"},
        WrongCase{"[notify]\nurls = \"slack://x\"\n", 2, "must be a list of texts",
                  "write urls = [\"one\""},
        WrongCase{"x = \n", 1, "expected value)", "double quotes"},
        WrongCase{"timezone UTC\n", 1, "parsing key-value pair)", "double quotes"},
        WrongCase{"timezone = UTC\n", 1, "this is not TOML", "double quotes"}));

TEST(TomlFile, ASyntaxErrorDoesNotQuoteWhatMayBeASecret) {
  const Read read = ReadText("[source.shop]\nconnection = password=hunter2\n");
  ASSERT_EQ(read.problems.size(), 1U);
  EXPECT_THAT(read.problems.front().message, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace holdfast::config
