#include "restore/recovery_settings.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.h"

namespace holdfast::restore {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RecoverySettings SettingsFor(RecoveryTarget target) {
  return {.target = {.target = std::move(target), .timeline = {}},
          .timeline = pg::TimelineId(10),
          .fetch_command = "'/opt/hold fast' wal fetch --source 'it''s'",
          .version = pg::MajorVersion::FromNumber(15)};
}

TEST(AutoConf, WritesATimeAsTheServerReadsIt) {
  const std::string text = AutoConf(
      "", SettingsFor(TimeTarget{base::ParseTime("2026-11-21T09:53:45.512857+09:00", "UTC")}));
  EXPECT_THAT(text, HasSubstr("recovery_target_time = '2026-11-21 00:53:45.512857+00'\n"));
  EXPECT_THAT(text, HasSubstr("recovery_target_action = 'promote'\n"));
}

TEST(AutoConf, WritesTheTimelineInDecimal) {
  EXPECT_THAT(AutoConf("", SettingsFor(LatestTarget{})),
              HasSubstr("recovery_target_timeline = '10'\n"));
}

TEST(AutoConf, QuotesTheCommandForTheServerAndItsPlaceholders) {
  RecoverySettings settings = SettingsFor(LatestTarget{});
  settings.fetch_command = "'/a%b/holdfast' wal fetch";
  EXPECT_THAT(
      AutoConf("", settings),
      HasSubstr("restore_command = '''/a%%b/holdfast'' wal fetch --timeline 10 %f \"%p\"'\n"));
}

TEST(AutoConf, StopsTheLatestMomentBeforeAGap) {
  RecoverySettings settings = SettingsFor(LatestTarget{});
  settings.target.exclusive = true;
  settings.gap = {.gap = {.timeline = pg::TimelineId(10),
                          .start = pg::Lsn(0x4000000),
                          .end = pg::Lsn(0x5000000)},
                  .last_record = pg::Lsn(0x3ffff00),
                  .behind_to = pg::Lsn(0x6000000)};
  const std::string text = AutoConf("", settings);
  EXPECT_THAT(text, HasSubstr("recovery_target_lsn = '0/3FFFF00'\n"));
  EXPECT_THAT(text, HasSubstr("recovery_target_inclusive = 'on'\n"));
  EXPECT_THAT(text, HasSubstr("--timeline 10 --end 0/4000000 %f"));
}

TEST(AutoConf, KeepsATargetBeforeAGap) {
  RecoverySettings settings = SettingsFor(XidTarget{815});
  settings.gap = {.gap = {.timeline = pg::TimelineId(10),
                          .start = pg::Lsn(0x4000000),
                          .end = pg::Lsn(0x5000000)},
                  .last_record = pg::Lsn(0x3ffff00),
                  .behind_to = pg::Lsn(0x6000000)};
  const std::string text = AutoConf("", settings);
  EXPECT_THAT(text, HasSubstr("recovery_target_lsn = ''\n"));
  EXPECT_THAT(text, HasSubstr("recovery_target_xid = '815'\n"));
  EXPECT_THAT(text, HasSubstr("--end 0/4000000"));
}

TEST(AutoConf, UnsetsEveryTargetForTheLatestMoment) {
  const std::string text = AutoConf("", SettingsFor(LatestTarget{}));
  for (const char* target : {"", "_lsn", "_name", "_time", "_xid"})
    EXPECT_THAT(text, HasSubstr(fmt::format("recovery_target{} = ''\n", target)));
}

TEST(AutoConf, UnsetsOtherTargetsBeforeItSetsItsOwn) {
  const std::string text = AutoConf("", SettingsFor(XidTarget{815}));
  const auto own = text.find("recovery_target_xid = '815'");
  ASSERT_NE(own, std::string::npos);
  EXPECT_THAT(text, Not(HasSubstr("recovery_target_xid = ''")));
  for (const char* target : {"", "_lsn", "_name", "_time"})
    EXPECT_LT(text.find(fmt::format("recovery_target{} = ''", target)), own) << target;
}

TEST(AutoConf, LetsNoOtherFileSayHowRecoveryGoes) {
  const std::string text = AutoConf("", SettingsFor(LatestTarget{}));
  for (const char* name : {"archive_cleanup_command", "recovery_end_command", "primary_conninfo",
                           "primary_slot_name", "promote_trigger_file"})
    EXPECT_THAT(text, HasSubstr(fmt::format("\n{} = ''\n", name)));
  EXPECT_THAT(text, HasSubstr("\nrecovery_min_apply_delay = '0'\n"));
  EXPECT_THAT(text, HasSubstr("\nrecovery_target_inclusive = 'on'\n"));
}

TEST(AutoConf, WritesNothingThatTheServerDoesNotKnow) {
  RecoverySettings settings = SettingsFor(LatestTarget{});
  settings.version = pg::MajorVersion::FromNumber(16);
  EXPECT_THAT(AutoConf("", settings), Not(HasSubstr("promote_trigger_file")));
}

TEST(AutoConf, LetsAServerThatIsToPauseBeReadable) {
  RecoverySettings settings = SettingsFor(XidTarget{815});
  EXPECT_THAT(AutoConf("", settings), Not(HasSubstr("hot_standby")));
  settings.target.action = TargetAction::kPause;
  const std::string text = AutoConf("hot_standby = off\n", settings);
  EXPECT_THAT(text, HasSubstr("hot_standby = 'on'\n"));
  EXPECT_THAT(text, Not(HasSubstr("= off")));
}

TEST(AutoConf, KeepsACopyAwayFromTheSourceAndItsStandbys) {
  RecoverySettings settings = SettingsFor(LatestTarget{});
  const std::string existing = "synchronous_standby_names = 'a'\narchive_library = 'x'\n";
  const std::string copy = AutoConf(existing, settings);
  EXPECT_THAT(copy, HasSubstr("synchronous_standby_names = ''\n"));
  EXPECT_THAT(copy, HasSubstr("max_logical_replication_workers = '0'\n"));
  EXPECT_THAT(copy, Not(HasSubstr("'x'")));
  settings.replaces_source = true;
  EXPECT_THAT(AutoConf(existing, settings), HasSubstr(existing));
  EXPECT_THAT(AutoConf(existing, settings), Not(HasSubstr("max_logical")));
}

TEST(AutoConf, SetsWhatElseItIsGiven) {
  RecoverySettings settings = SettingsFor(LatestTarget{});
  settings.overrides = {{"hba_file", "/new/it's/pg_hba.conf"}};
  const std::string text = AutoConf("hba_file = '/old'\n", settings);
  EXPECT_THAT(text, HasSubstr("hba_file = '/new/it''s/pg_hba.conf'\n"));
  EXPECT_THAT(text, Not(HasSubstr("'/old'")));
}

TEST(AutoConf, StopsBeforeAnExclusiveTarget) {
  RecoverySettings settings = SettingsFor(XidTarget{815});
  settings.target.exclusive = true;
  settings.target.action = TargetAction::kPause;
  const std::string text = AutoConf("", settings);
  EXPECT_THAT(text, HasSubstr("recovery_target_xid = '815'\n"));
  EXPECT_THAT(text, HasSubstr("recovery_target_inclusive = 'off'\n"));
  EXPECT_THAT(text, HasSubstr("recovery_target_action = 'pause'\n"));
}

TEST(AutoConf, TakesOutWhatAnEarlierRecoveryLeft) {
  const std::string text = AutoConf(
      "work_mem = '8MB'\nRecovery_Target_Name = 'old'\n restore_command='cp'\nprimary_conninfo = "
      "'host=a'\n",
      SettingsFor(NameTarget{"before 'it'"}));
  EXPECT_THAT(text, HasSubstr("work_mem = '8MB'\n"));
  EXPECT_THAT(text, Not(HasSubstr("'old'")));
  EXPECT_THAT(text, Not(HasSubstr("host=a")));
  EXPECT_THAT(text, HasSubstr("recovery_target_name = 'before ''it'''\n"));
}

TEST(AutoConf, GivesTheSameTextWhenAppliedToItself) {
  const RecoverySettings settings = SettingsFor(LsnTarget{pg::Lsn(0x16B374D848)});
  const std::string once = AutoConf("work_mem = '8MB'", settings);
  EXPECT_EQ(AutoConf(once, settings), once);
}

TEST(AutoConf, LetsRecoveryPassInPlaceTablespaces) {
  RecoverySettings settings = SettingsFor(LatestTarget{});
  EXPECT_THAT(AutoConf("", settings), Not(HasSubstr("allow_in_place")));
  settings.in_place_tablespaces = true;
  const std::string once = AutoConf("allow_in_place_tablespaces = off\n", settings);
  EXPECT_THAT(once, HasSubstr("allow_in_place_tablespaces = 'on'\n"));
  EXPECT_THAT(once, Not(HasSubstr("= off")));
  EXPECT_EQ(AutoConf(once, settings), once);
}

TEST(AutoConf, LetsACopyArchiveOnlyWhenItReplacesTheSource) {
  RecoverySettings settings = SettingsFor(LatestTarget{});
  EXPECT_THAT(AutoConf("archive_mode = 'on'\n", settings), HasSubstr("archive_mode = 'off'\n"));
  settings.replaces_source = true;
  EXPECT_THAT(AutoConf("archive_mode = 'on'\n", settings), HasSubstr("archive_mode = 'on'\n"));
}

TEST(ExportedAutoConf, LeavesOthersAloneAndOrdersNoRecovery) {
  const std::string text = ExportedAutoConf(
      "work_mem = '8MB'\narchive_mode = on\narchive_command = 'cp'\nhba_file = '/old'\n",
      {{std::string(kInPlaceSetting), "on"}});
  EXPECT_THAT(text, HasSubstr("work_mem = '8MB'\n"));
  EXPECT_THAT(text, HasSubstr("archive_mode = 'off'\n"));
  EXPECT_THAT(text, HasSubstr("synchronous_standby_names = ''\n"));
  EXPECT_THAT(text, HasSubstr("allow_in_place_tablespaces = 'on'\n"));
  for (const char* gone : {"archive_command", "hba_file", "restore_command", "recovery_target"})
    EXPECT_THAT(text, Not(HasSubstr(gone)));
  EXPECT_EQ(ExportedAutoConf(text, {{std::string(kInPlaceSetting), "on"}}), text);
}

}  // namespace
}  // namespace holdfast::restore
