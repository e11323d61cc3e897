#include "cli/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/testing/manual_clock.h"
#include "cli/commands.h"

namespace holdfast::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome RunWith(std::vector<std::string> arguments, config::Environment environment = {}) {
  base::ManualClock clock;
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  outcome.code = Run({.arguments = std::move(arguments),
                      .environment = std::move(environment),
                      .working_directory = "/nonexistent",
                      .program = "/usr/bin/holdfast",
                      .out = &out,
                      .err = &err,
                      .clock = &clock,
                      .stop = {}});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

std::vector<std::string> Words(std::string_view text) {
  std::istringstream in{std::string(text)};
  return {std::istream_iterator<std::string>(in), {}};
}

TEST(Run, PrintsItsVersion) {
  const Outcome outcome = RunWith({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith("holdfast "));
}

TEST(Run, EveryHelpGivesPurposeExampleAndExitCodes) {
  for (const Command& command : Commands()) {
    std::vector<std::string> arguments = Words(command.path);
    arguments.emplace_back("--help");
    const Outcome outcome = RunWith(arguments);
    EXPECT_EQ(outcome.code, 0) << command.path;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr(std::string(command.purpose)),
                                   HasSubstr("holdfast " + std::string(command.path)),
                                   HasSubstr("Example:"), HasSubstr("Exit codes: 0")));
    EXPECT_THAT(outcome.err, IsEmpty());
  }
}

TEST(Run, HelpShowsNothingOfHowOptionsAreParsed) {
  for (const Command& command : Commands()) {
    if (command.hidden) continue;
    std::vector<std::string> arguments = Words(command.path);
    arguments.emplace_back("--help");
    const std::string help = RunWith(arguments).out;
    for (const char* noise : {"UINT", "ENUM", "TEXT", "->", "=[]", ":{", "REQUIRED",
                              "Needs:", "Excludes:", "SUBCOMMAND", " in ["})
      EXPECT_THAT(help, testing::Not(HasSubstr(noise))) << command.path;
  }
  EXPECT_THAT(RunWith({"backup", "--help"}).out, HasSubstr("--label KEY=VALUE ..."));
  EXPECT_THAT(RunWith({"restore", "--help"}).out,
              AllOf(HasSubstr("--action pause|promote|shutdown"), HasSubstr("(default: promote)"),
                    HasSubstr("directory (required)")));
}

TEST(Run, TheHelpOfTheWholeListsEveryCommand) {
  const Outcome outcome = RunWith({"--help"});
  for (const Command& command : Commands()) {
    if (!command.hidden) {
      EXPECT_THAT(outcome.out, HasSubstr(Words(command.path).front()));
    }
  }
}

// Whatever goes wrong: the postmaster may be the one who reaps them.
TEST(Run, WhatOutlivesACommandOfPostgresEndsWithNothingToSee) {
  for (const char* words : {"wal forward nosuch", "wal forward", "wal prefetch x --no-such-option",
                            "--config /no/such/file wal forward fetch"}) {
    EXPECT_EQ(RunWith(Words(words)).code, 0) << words;
  }
  EXPECT_NE(RunWith(Words("wal push nosuch --source forward")).code, 0);
}

struct UsageCase {
  std::string words;
  std::string message;
  std::string hint;
};

class RunRefuses : public testing::TestWithParam<UsageCase> {};

TEST_P(RunRefuses, WithOneSentenceAHintAndCodeTwo) {
  const Outcome outcome = RunWith(Words(GetParam().words));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, AllOf(StartsWith("error: "), HasSubstr(GetParam().message),
                                 HasSubstr("hint: "), HasSubstr(GetParam().hint)));
}

INSTANTIATE_TEST_SUITE_P(
    All, RunRefuses,
    testing::Values(
        UsageCase{"", "needs a command", "holdfast --help"},
        UsageCase{"cnofig show", "unknown command \"cnofig\"", "did you mean config?"},
        UsageCase{"config shwo", "unknown command \"shwo\"", "did you mean show?"},
        UsageCase{"config", "`holdfast config` needs a command", "config --help"},
        UsageCase{"config show --josn", "unknown option --josn", "did you mean --json?"},
        UsageCase{"config show extra", "unexpected argument \"extra\"", "--help"},
        UsageCase{"config show --config", "--config needs a value: --config FILE", "--help"},
        UsageCase{"--limit-upload", "--limit-upload needs a value", "--help"},
        UsageCase{"export", "BACKUP is required", "export --help"},
        UsageCase{"export a --jobs 65", "--jobs: \"65\" is not a whole number from 1 to 64",
                  "--help"},
        UsageCase{"export a --jobs x", "\"x\" is not a whole number", "--help"},
        UsageCase{"verify --level foo", "--level: \"foo\" is none of list, metadata, packs, data",
                  "--help"},
        UsageCase{"verify --level 0", "\"0\" is none of", "--help"},
        UsageCase{"verify --level", "--level needs a value: --level list|metadata|packs|data",
                  "--help"},
        UsageCase{"export a --format zip", "\"zip\" is none of directory, tar, ", "--help"},
        UsageCase{"restore a --to b --at c --lsn d", "--at and --lsn do not go together", "--help"},
        UsageCase{"init --name a", "--name goes with --url alone", "--help"},
        UsageCase{"list --json=maybe", "--json takes no value", "--help"},
        UsageCase{"restore a --to b --to c", "--to is given twice", "--help"},
        UsageCase{"--config /nonexistent/x.toml config show", "does not exist",
                  "named by --config"}));

TEST(Run, RefusesAnEmptyValue) {
  for (const std::vector<std::string>& arguments : {
           std::vector<std::string>{"export", "shop/latest", "--to", ""},
           {"restore", "shop", "--to", ""},
           {"--config", "", "list"},
           {"list", ""},
       }) {
    const Outcome outcome = RunWith(arguments);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(" is empty\n"), HasSubstr("hint: give it a value")));
  }
}

TEST(Run, RefusesAnExportAsAnArchiveThatIsNotMade) {
  const Outcome outcome = RunWith({"export", "shop/latest", "--to", "shop.tar.xz"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("tar.xz"), HasSubstr(".tar.zst or .7z")));
}

TEST(Run, TakesGlobalOptionsBeforeAndAfterTheCommand) {
  const config::Environment utc = {{"TZ", "UTC"}};
  const Outcome before = RunWith({"--json", "config", "show"}, utc);
  const Outcome between = RunWith({"config", "--json", "show"}, utc);
  const Outcome after = RunWith({"config", "show", "--json"}, utc);
  EXPECT_EQ(before.code, 0) << before.err;
  EXPECT_EQ(before.out, after.out);
  EXPECT_EQ(before.out, between.out);
  EXPECT_EQ(nlohmann::json::parse(before.out).at("settings").at(0).at("key"), "timezone");
}

TEST(Run, WithJsonErrorsAreJsonOnTheErrorStream) {
  const Outcome outcome = RunWith({"config", "shwo", "--json"});
  EXPECT_THAT(outcome.out, IsEmpty());
  const auto error = nlohmann::json::parse(outcome.err).at("error");
  EXPECT_EQ(error.at("kind"), "usage");
  EXPECT_EQ(error.at("message"), "unknown command \"shwo\"");
}

TEST(Run, DataThatCannotBeWrittenIsAnError) {
  base::ManualClock clock;
  std::ostringstream out;
  std::ostringstream err;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(cli::Run({.arguments = {"--version"},
                      .environment = {},
                      .working_directory = "/",
                      .program = "/usr/bin/holdfast",
                      .out = &out,
                      .err = &err,
                      .clock = &clock,
                      .stop = {}}),
            5);
}

TEST(Run, AWalFetchThatFailsNeverLooksLikeAFileThatDoesNotExist) {
  for (const char* words :
       {"wal fetch", "wal fetch --nonsense", "wal --nonsense fetch a b", "--config wal fetch",
        "--config /nonexistent/x.toml wal fetch 000000010000000000000001 pg_wal/RECOVERYXLOG"}) {
    EXPECT_GE(RunWith(Words(words)).code, 126) << words;
  }
}

TEST(Run, AWalPushThatFailsStaysBelowWhatEndsTheArchiver) {
  for (const char* words : {"wal push", "wal push --nonsense", "wal push --source fetch x",
                            "--config /nonexistent/x.toml wal push --source fetch x"}) {
    const int code = RunWith(Words(words)).code;
    EXPECT_TRUE(code >= 1 && code <= 125) << words << ": " << code;
  }
}

TEST(ConfigShow, MasksSecretsAndNamesOrigins) {
  const Outcome outcome = RunWith(
      {"config", "show"}, {{"HOLDFAST_REPOSITORY_URL", "/backup"},
                           {"HOLDFAST_SOURCE_SHOP_CONNECTION", "host=db password=hunter2"}});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("host=db password=********"));
  EXPECT_THAT(outcome.out, HasSubstr("HOLDFAST_SOURCE_SHOP_CONNECTION"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("hunter2")));
}

TEST(ConfigCheck, NamesEverythingThatIsWrong) {
  const Outcome outcome =
      RunWith({"config", "check", "--json"}, {{"HOLDFAST_SOURCE_SHOP_ULR", "1"},
                                              {"HOLDFAST_SOURCE_SHOP_JOBS", "none"},
                                              {"HOLDFAST_TIMEZONE", "Mars"}});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(nlohmann::json::parse(outcome.out).at("problems").size(), 3U);
}

TEST(ConfigCheck, RefusesPlacesThatNothingCanBeKeptIn) {
  for (const char* url : {"ftp://host/x", "file:relative", "file://relative/x", "relative", "s3://",
                          "file:///a%20b"}) {
    const Outcome outcome = RunWith({"config", "check"}, {{"HOLDFAST_REPOSITORY_MAIN_URL", url}});
    EXPECT_EQ(outcome.code, 2) << url;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("repository.main.url: "), HasSubstr("hint: write ")))
        << url;
  }
  const Outcome source =
      RunWith({"config", "check"}, {{"HOLDFAST_SOURCE_SHOP_CONNECTION", "host=db password=a b"}});
  EXPECT_EQ(source.code, 2);
  EXPECT_THAT(source.out, HasSubstr("source.shop.connection: the conninfo cannot be read"));
}

TEST(ConfigCheck, SaysWhichSourcesNothingBacksUpYet) {
  const Outcome outcome = RunWith({"config", "check"}, {{"HOLDFAST_REPOSITORY_MAIN_URL", "/backup"},
                                                        {"HOLDFAST_SOURCE_SHOP_TYPE", "mysql"}});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("warning: source shop: only sources of the type postgres"));
}

}  // namespace
}  // namespace holdfast::cli
