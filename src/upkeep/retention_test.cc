#include "upkeep/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/time_text.h"

namespace holdfast::upkeep {
namespace {

using std::chrono::days;
using std::chrono::hours;

const base::Time kNow = base::ParseTime("2026-11-21T12:00:00Z", "UTC");

// The newest is number 0.
RetainedBackup Backup(int number, base::Duration age) {
  const base::Time at = kNow - age;
  return {.id = repo::BackupId::New("shop", at),
          .sequence = static_cast<std::uint64_t>(1000 - number),
          .started = at,
          .stored = at};
}

// One every `step`, the newest first.
std::vector<RetainedBackup> Series(int count, base::Duration step) {
  std::vector<RetainedBackup> backups;
  for (int i = 0; i < count; ++i) backups.push_back(Backup(i, i * step));
  return backups;
}

// The numbers of those kept, by place in `backups`.
std::vector<int> Kept(const std::vector<RetainedBackup>& backups, const RetentionPolicy& policy,
                      const std::string& zone = "UTC") {
  std::map<repo::BackupId, bool> expired;
  for (const auto& verdict : SelectExpired(backups, policy, {.now = kNow, .zone = zone})) {
    expired[verdict.id] = verdict.expired();
  }
  std::vector<int> kept;
  for (std::size_t i = 0; i < backups.size(); ++i) {
    if (!expired.at(backups[i].id)) kept.push_back(static_cast<int>(i));
  }
  return kept;
}

using testing::ElementsAre;

TEST(Retention, LastKeepsTheNewest) {
  EXPECT_THAT(Kept(Series(6, hours(1)), {.last = 3}), ElementsAre(0, 1, 2));
}

TEST(Retention, FullsKeepThatManyFullBackupsAndAllSinceTheOldestOfThem) {
  std::vector<RetainedBackup> backups = Series(8, hours(1));
  for (const std::size_t place : {0U, 1U, 3U, 4U, 6U}) backups[place].full = false;
  EXPECT_THAT(Kept(backups, {.fulls = 1}), ElementsAre(0, 1, 2));
  EXPECT_THAT(Kept(backups, {.fulls = 2}), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Retention, FullsKeepEverythingWhileThereAreFewerFullBackups) {
  std::vector<RetainedBackup> backups = Series(4, hours(1));
  for (const std::size_t place : {0U, 1U, 2U}) backups[place].full = false;
  EXPECT_THAT(Kept(backups, {.fulls = 2}), ElementsAre(0, 1, 2, 3));
}

TEST(Retention, AFullBackupThatIsNotGoodIsNotCounted) {
  std::vector<RetainedBackup> backups = Series(4, hours(1));
  backups[1].good = false;
  EXPECT_THAT(Kept(backups, {.fulls = 2}), ElementsAre(0, 1, 2));
}

TEST(Retention, DaysKeepTheNewestOfEachDayThatHasABackup) {
  // 12:00, 06:00 and 00:00 of today, 18:00 of yesterday and so on; a hole of ten days.
  std::vector<RetainedBackup> backups = Series(8, hours(6));
  backups.push_back(Backup(8, days(12)));
  EXPECT_THAT(Kept(backups, {.days = 3}), ElementsAre(0, 3, 7));
  EXPECT_THAT(Kept(backups, {.days = 4}), ElementsAre(0, 3, 7, 8));
}

TEST(Retention, CountsDaysInTheConfiguredZone) {
  const std::vector<RetainedBackup> backups = {Backup(0, hours(0)), Backup(1, hours(10)),
                                               Backup(2, hours(20))};
  EXPECT_THAT(Kept(backups, {.days = 2}), ElementsAre(0, 2));
  // In Tokyo it is 21:00; ten hours ago it was 11:00, twenty ago 01:00 of the same day.
  EXPECT_THAT(Kept(backups, {.days = 2}, "Asia/Tokyo"), ElementsAre(0));
}

TEST(Retention, RulesAddToOneAnother) {
  const std::vector<RetainedBackup> backups = Series(70, days(1));
  const auto kept = Kept(backups, {.last = 2, .weeks = 2, .months = 3});
  // 21 November is a Saturday; the 15th is the Sunday before, 31 October the end of a month.
  EXPECT_THAT(kept, ElementsAre(0, 1, 6, 21, 52));
}

TEST(Retention, NothingExpiresByWaiting) {
  std::vector<RetainedBackup> backups = Series(3, days(1));
  for (RetainedBackup& backup : backups) {
    backup.started -= days(400);
    backup.stored -= days(400);
  }
  EXPECT_THAT(Kept(backups, {.within = days(7)}), ElementsAre(0, 1, 2));
}

TEST(Retention, WithinCountsFromTheNewestBackupAndOnTheStoresClock) {
  std::vector<RetainedBackup> backups = Series(5, days(1));
  EXPECT_THAT(Kept(backups, {.within = days(2)}), ElementsAre(0, 1, 2));
  backups[2].started = base::Time(hours(0));  // that host's clock was at its epoch
  EXPECT_THAT(Kept(backups, {.within = days(2)}), ElementsAre(0, 1, 2));
  backups[0].stored = kNow + days(9000);  // the store's was far ahead for a moment
  EXPECT_THAT(Kept(backups, {.within = days(2)}), ElementsAre(0, 1, 2));
}

TEST(Retention, TheNewestGoodBackupStaysWhateverThePolicy) {
  std::vector<RetainedBackup> backups = Series(4, days(1));
  EXPECT_THAT(Kept(backups, {}), ElementsAre(0));
  backups[0].good = false;
  EXPECT_THAT(Kept(backups, {}), ElementsAre(0, 1));
}

TEST(Retention, ABackupThatIsNotGoodTakesNoPlaceFromAGoodOne) {
  std::vector<RetainedBackup> backups = Series(6, days(1));
  backups[1].good = false;
  backups[2].good = false;
  // The last two good ones, and of all the last two: the bad one among them stays as well.
  EXPECT_THAT(Kept(backups, {.last = 2}), ElementsAre(0, 1, 3));
}

TEST(Retention, OnlyBadOnesAreAllKept) {
  std::vector<RetainedBackup> backups = Series(5, days(1));
  for (RetainedBackup& backup : backups) backup.good = false;
  EXPECT_THAT(Kept(backups, {.last = 1}), ElementsAre(0, 1, 2, 3, 4));
}

TEST(Retention, ABackupFromTheFutureIsKeptAndTakesNoPlace) {
  std::vector<RetainedBackup> backups = Series(4, days(1));
  backups.push_back(Backup(-1, -days(300)));
  EXPECT_THAT(Kept(backups, {.last = 2}), ElementsAre(0, 1, 4));
}

TEST(Retention, AHostWhoseClockIsAheadIsJudgedByTheStores) {
  std::vector<RetainedBackup> backups = Series(4, days(1));
  backups[3].started = kNow + days(300);
  EXPECT_THAT(Kept(backups, {.last = 2}), ElementsAre(0, 1));
  EXPECT_THAT(Kept(backups, {.days = 4}), ElementsAre(0, 1, 2, 3));
}

TEST(Retention, AHostWhoseClockWentBackStillMakesTheNewestBackup) {
  std::vector<RetainedBackup> backups = Series(4, days(1));
  backups[0].started = base::Time(hours(0));
  EXPECT_THAT(Kept(backups, {.last = 1}), ElementsAre(0));
  EXPECT_THAT(Kept(backups, {.days = 2}), ElementsAre(0, 1));
}

TEST(Retention, CopiesThatWereAllStoredAtOnceKeepTheirOwnDays) {
  std::vector<RetainedBackup> backups = Series(5, days(1));
  for (RetainedBackup& backup : backups) backup.stored = kNow;
  EXPECT_THAT(Kept(backups, {.days = 3}), ElementsAre(0, 1, 2));
}

TEST(Retention, KeepsTheNewestBackupThatLeadsToThePresentTimeline) {
  // The source was taken back to a point before the two newest backups.
  std::vector<RetainedBackup> backups = Series(4, days(1));
  backups[0].leads_to_present = false;
  backups[1].leads_to_present = false;
  EXPECT_THAT(Kept(backups, {.last = 1}), ElementsAre(0, 2));
}

TEST(Retention, PinnedBackupsStayAndTakeTheirPlaces) {
  std::vector<RetainedBackup> backups = Series(5, days(1));
  backups[1].pinned = true;
  backups[4].pinned = true;
  EXPECT_THAT(Kept(backups, {.last = 2}), ElementsAre(0, 1, 4));
}

TEST(Retention, TheHourThatClocksShowTwiceKeepsTwoBackups) {
  const base::Time after = base::ParseTime("2026-10-25T01:30:00Z", "UTC");
  const std::vector<RetainedBackup> backups = {Backup(0, kNow - after),
                                               Backup(1, kNow - after + hours(1))};
  EXPECT_THAT(Kept(backups, {.hours = 2}, "Europe/Berlin"), ElementsAre(0, 1));
  EXPECT_THAT(Kept(backups, {.days = 2}, "Europe/Berlin"), ElementsAre(0));
}

TEST(Retention, SaysWhichRulesKeepABackup) {
  const auto verdicts =
      SelectExpired(Series(3, days(1)), {.last = 2, .days = 1}, {.now = kNow, .zone = "UTC"});
  EXPECT_THAT(verdicts[0].kept_by, ElementsAre("newest good backup", "last", "days"));
  EXPECT_THAT(verdicts[1].kept_by, ElementsAre("last"));
  EXPECT_TRUE(verdicts[2].expired());
}

TEST(Retention, APolicyOfZerosKeepsNothing) {
  EXPECT_FALSE(KeepsAnything({}));
  EXPECT_TRUE(KeepsAnything({.years = 1}));
  EXPECT_TRUE(KeepsAnything({.within = hours(1)}));
  EXPECT_EQ(ToText({.last = 4, .months = 12, .within = days(2)}), "last 4, months 12, within 2 d");
  EXPECT_EQ(ToText({}), "nothing");
}

std::vector<RetainedBackup> AnyBackups() {
  const auto count = *rc::gen::inRange(0, 25);
  std::vector<RetainedBackup> backups;
  for (int i = 0; i < count; ++i) {
    // Hours up to half a year back, some in the future; clocks that disagree.
    const base::Time at = kNow - hours(*rc::gen::inRange(-100, 24 * 180));
    RetainedBackup backup{.id = repo::BackupId::New("shop", at),
                          .sequence = *rc::gen::inRange<std::uint64_t>(1, 30),
                          .started = at,
                          .stored = at + hours(*rc::gen::element(0, 0, 0, 1, 30, -50)),
                          .good = *rc::gen::inRange(0, 4) != 0,
                          .full = *rc::gen::inRange(0, 4) == 0,
                          .pinned = *rc::gen::inRange(0, 10) == 0,
                          .leads_to_present = *rc::gen::inRange(0, 4) != 0};
    const auto same = [&](const RetainedBackup& other) { return other.id == backup.id; };
    if (std::ranges::none_of(backups, same)) backups.push_back(backup);
  }
  return backups;
}

RetentionPolicy AnyPolicy() {
  const auto number = [] { return *rc::gen::inRange<std::uint32_t>(0, 5); };
  return {.last = number(),
          .hours = number(),
          .days = number(),
          .weeks = number(),
          .months = number(),
          .years = number(),
          .fulls = number(),
          .within = hours(*rc::gen::element(0, 0, 5, 100, 1000))};
}

std::set<repo::BackupId> Expired(const std::vector<RetainedBackup>& backups,
                                 const RetentionPolicy& policy) {
  std::set<repo::BackupId> expired;
  for (const auto& verdict :
       SelectExpired(backups, policy, {.now = kNow, .zone = "America/New_York"})) {
    if (verdict.expired()) expired.insert(verdict.id);
  }
  return expired;
}

RC_GTEST_PROP(Retention, NeverSelectsTheLastGoodBackupNorAPinnedOne, ()) {
  const auto backups = AnyBackups();
  const auto expired = Expired(backups, AnyPolicy());
  bool any_good = false;
  bool good_left = false;
  for (const RetainedBackup& backup : backups) {
    RC_ASSERT(!backup.pinned || !expired.contains(backup.id));
    any_good = any_good || backup.good;
    good_left = good_left || (backup.good && !expired.contains(backup.id));
  }
  RC_ASSERT(any_good == good_left);
}

RC_GTEST_PROP(Retention, ALargerPolicyNeverSelectsMore, ()) {
  const auto backups = AnyBackups();
  const RetentionPolicy policy = AnyPolicy();
  const RetentionPolicy more = AnyPolicy();
  const RetentionPolicy larger{.last = std::max(policy.last, more.last),
                               .hours = std::max(policy.hours, more.hours),
                               .days = std::max(policy.days, more.days),
                               .weeks = std::max(policy.weeks, more.weeks),
                               .months = std::max(policy.months, more.months),
                               .years = std::max(policy.years, more.years),
                               .fulls = std::max(policy.fulls, more.fulls),
                               .within = std::max(policy.within, more.within)};
  const auto expired = Expired(backups, policy);
  for (const repo::BackupId& id : Expired(backups, larger)) RC_ASSERT(expired.contains(id));
}

RC_GTEST_PROP(Retention, ASecondRunSelectsNothing, ()) {
  auto backups = AnyBackups();
  const RetentionPolicy policy = AnyPolicy();
  const auto expired = Expired(backups, policy);
  std::erase_if(backups, [&](const RetainedBackup& backup) { return expired.contains(backup.id); });
  RC_ASSERT(Expired(backups, policy).empty());
}

RC_GTEST_PROP(Retention, TheOrderInWhichBackupsAreGivenIsNothing, ()) {
  auto backups = AnyBackups();
  const RetentionPolicy policy = AnyPolicy();
  const auto expired = Expired(backups, policy);
  std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
  std::ranges::shuffle(backups, random);
  RC_ASSERT(Expired(backups, policy) == expired);
}

}  // namespace
}  // namespace holdfast::upkeep
