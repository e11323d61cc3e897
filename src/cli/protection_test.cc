#include "cli/protection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

const base::Time kNow{hours(1000)};

// A cluster whose newest backup is five minutes old, and whose receiver runs.
class AProtectedSource : public testing::Test {
 protected:
  AProtectedSource() {
    source.name = "shop";
    facts.source = "shop";
    facts.configured = &source;
    facts.now = kNow;
    facts.backups = 3;
    facts.usable_clusters = 3;
    facts.newest = NewestBackup{
        .id = "shop/x", .kind = "cluster", .finished = kNow - minutes(5), .size = base::kGiB};
    facts.server_asked = true;
    facts.at_risk = AtRisk{.bytes = 0, .time = base::Duration(0)};
    facts.receiver = ReceiverFacts{.running = true};
  }

  Protection Judged() const { return WorstOf(JudgeProtection(facts)); }
  // The only reason.
  std::string Text() const {
    const auto reasons = JudgeProtection(facts);
    if (reasons.size() != 1) return std::to_string(reasons.size()) + " reasons";
    EXPECT_NE(reasons.front().hint, "");
    return reasons.front().text;
  }

  config::Source source;
  SourceFacts facts;
};

TEST_F(AProtectedSource, HasNoReasons) { EXPECT_TRUE(JudgeProtection(facts).empty()); }

TEST_F(AProtectedSource, StaysProtectedWhileSomeWalIsUnderWay) {
  facts.at_risk = AtRisk{.bytes = 8192, .time = seconds(1)};
  EXPECT_EQ(Judged(), Protection::kProtected);
}

TEST_F(AProtectedSource, StaysSoWithACopyThatHasItsNewestBackup) {
  facts.copies = {{.repository = "offsite", .backups = 1, .newest = facts.newest}};
  EXPECT_EQ(Judged(), Protection::kProtected);
}

TEST_F(AProtectedSource, NeedsAttentionWhenWalDoesNotGetToACopy) {
  facts.copies = {{.repository = "offsite",
                   .backups = 1,
                   .newest = facts.newest,
                   .forward_problem = "no route to host"}};
  EXPECT_THAT(Text(), HasSubstr("copy in offsite: no route to host"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenItsNewestBackupLostPacks) {
  facts.incomplete = {{.id = "shop/x", .text = "2 of its packs are missing"}};
  EXPECT_EQ(Judged(), Protection::kAttention);
  EXPECT_THAT(Text(), HasSubstr("shop/x cannot be restored whole: 2 of its packs are missing"));
}

TEST_F(AProtectedSource, IsNoneWhenEveryBackupLostPacks) {
  for (const auto* id : {"shop/x", "shop/w", "shop/v"}) {
    facts.incomplete.push_back({.id = id, .text = "2 of its packs are missing"});
  }
  EXPECT_EQ(Judged(), Protection::kUnprotected);
}

TEST_F(AProtectedSource, StaysSoWithACopyOfABackupThatWasForgotten) {
  facts.copies = {{.repository = "offsite", .backups = 1, .newest = facts.newest}};
  facts.copies[0].newest->id = "shop/y";
  facts.copies[0].newest->finished = kNow;
  EXPECT_EQ(Judged(), Protection::kProtected);
}

TEST_F(AProtectedSource, NeedsAttentionWhenACopyLacksTheNewestBackup) {
  facts.copies = {{.repository = "offsite", .backups = 1, .newest = facts.newest}};
  facts.copies[0].newest->id = "shop/w";
  EXPECT_EQ(Judged(), Protection::kAttention);
  EXPECT_THAT(Text(), HasSubstr("offsite lacks the newest backup, shop/x"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenACopyLacksWal) {
  facts.copies = {{.repository = "offsite", .backups = 1, .newest = facts.newest}};
  facts.copies[0].wal_gap = "000000010000000000000003";
  EXPECT_EQ(Judged(), Protection::kAttention);
  EXPECT_THAT(Text(), HasSubstr("000000010000000000000003"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenACopyIsEmptyOrCannotBeRead) {
  facts.copies = {{.repository = "offsite"}};
  EXPECT_THAT(Text(), HasSubstr("offsite holds no backup"));
  facts.copies = {{.repository = "offsite", .problem = "no route"}};
  EXPECT_THAT(Text(), HasSubstr("offsite cannot be read: no route"));
  EXPECT_EQ(JudgeCopies(facts).size(), 1U);
}

TEST_F(AProtectedSource, IsUnprotectedWithoutAnyBackup) {
  facts.backups = 0;
  facts.usable_clusters = 0;
  facts.newest.reset();
  EXPECT_EQ(Judged(), Protection::kUnprotected);
  EXPECT_THAT(Text(), HasSubstr("no backup"));
}

TEST_F(AProtectedSource, IsUnprotectedWhenNoBackupHasItsWal) {
  facts.usable_clusters = 0;
  facts.without_wal = {"shop/x"};
  EXPECT_EQ(Judged(), Protection::kUnprotected);
}

TEST_F(AProtectedSource, IsUnprotectedAfterAGapThatNoBackupFollows) {
  facts.open_gap = "000000010000000000000003";
  EXPECT_EQ(Judged(), Protection::kUnprotected);
  EXPECT_THAT(Text(), HasSubstr("000000010000000000000003"));
}

TEST_F(AProtectedSource, IsUnprotectedWhileNoBackupLeadsToTheServersTimeline) {
  facts.unreached_timeline = 3;
  EXPECT_EQ(Judged(), Protection::kUnprotected);
  EXPECT_THAT(Text(), HasSubstr("timeline 3"));
}

TEST_F(AProtectedSource, IsUnprotectedWhenTheServerIsAnotherCluster) {
  facts.other_cluster = true;
  EXPECT_EQ(Judged(), Protection::kUnprotected);
}

TEST_F(AProtectedSource, NeedsAttentionForADamagedBackup) {
  facts.damaged.push_back({"shop/y", "cut short"});
  EXPECT_EQ(Judged(), Protection::kAttention);
  EXPECT_THAT(Text(), HasSubstr("shop/y"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenOneOfItsBackupsLacksWal) {
  facts.without_wal = {"shop/y"};
  EXPECT_EQ(Judged(), Protection::kAttention);
}

TEST_F(AProtectedSource, NeedsAttentionWithDumpsOnly) {
  facts.usable_clusters = 0;
  EXPECT_THAT(Text(), HasSubstr("dumps only"));
}

TEST_F(AProtectedSource, NeedsAttentionForBadPagesAndWarnings) {
  facts.newest->bad_pages = 2;
  EXPECT_THAT(Text(), HasSubstr("2 pages"));
  facts.newest->bad_pages = 0;
  facts.newest->warnings = {"configuration lies outside"};
  EXPECT_THAT(Text(), HasSubstr("configuration lies outside"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenTheNewestBackupIsTooOldOrTooSmall) {
  source.health.max_backup_age = minutes(5);
  EXPECT_EQ(Judged(), Protection::kProtected);
  source.health.max_backup_age = minutes(4);
  EXPECT_THAT(Text(), HasSubstr("max_backup_age"));
  source.health.max_backup_age.reset();
  source.health.min_size = base::kGiB + 1;
  EXPECT_THAT(Text(), HasSubstr("min_size"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenWalLags) {
  source.health.max_wal_lag = minutes(1);
  facts.at_risk = AtRisk{.bytes = 1, .time = minutes(1)};
  EXPECT_EQ(Judged(), Protection::kProtected);
  facts.at_risk = AtRisk{.bytes = 1, .time = minutes(2)};
  EXPECT_THAT(Text(), HasSubstr("max_wal_lag"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenItsServerCannotBeAsked) {
  facts.server_problem = "cannot connect";
  facts.at_risk.reset();
  EXPECT_THAT(Text(), HasSubstr("unknown: cannot connect"));
}

TEST_F(AProtectedSource, NeedsAttentionForALostSlot) {
  facts.slot_problem = "slot lost";
  EXPECT_EQ(Text(), "slot lost");
}

TEST_F(AProtectedSource, NeedsAttentionWithoutAReceiverThoughNothingIsAtRiskYet) {
  facts.receiver->running = false;
  facts.receiver_connected = false;
  EXPECT_THAT(Text(), HasSubstr("on the server alone"));
  facts.receiver.reset();
  EXPECT_THAT(Text(), HasSubstr("on the server alone"));
  facts.at_risk.reset();
  EXPECT_THAT(Text(), HasSubstr("on the server alone"));
  source.wal = config::WalMode::kPush;
  EXPECT_EQ(Judged(), Protection::kProtected);
}

TEST_F(AProtectedSource, MayHaveItsReceiverOnAnotherHost) {
  facts.receiver = ReceiverFacts{.running = false, .problem = "it ended here long ago"};
  facts.receiver_connected = true;
  EXPECT_EQ(Judged(), Protection::kProtected);
  facts.receiver.reset();
  EXPECT_EQ(Judged(), Protection::kProtected);
  facts.receiver_connected.reset();
  EXPECT_THAT(Text(), HasSubstr("elsewhere is unknown"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenAReceiverOnAnotherHostStoresNothing) {
  facts.receiver.reset();
  facts.receiver_connected = true;
  facts.at_risk = AtRisk{.bytes = 1, .time = minutes(5)};
  EXPECT_EQ(Judged(), Protection::kProtected);
  facts.at_risk = AtRisk{.bytes = 1, .time = minutes(6)};
  EXPECT_THAT(Text(), HasSubstr("though a receiver on another host is connected"));
  source.tail_interval = minutes(2);
  EXPECT_EQ(Judged(), Protection::kProtected);
  facts.at_risk = AtRisk{.bytes = 1, .time = hours(50)};
  source.health.max_wal_lag = hours(1);
  EXPECT_THAT(Text(), HasSubstr("max_wal_lag"));
  source.health.max_wal_lag = hours(60);
  EXPECT_EQ(Judged(), Protection::kProtected);
}

TEST_F(AProtectedSource, NeedsAttentionForItsReceiversProblem) {
  facts.receiver->problem = "the spool is full";
  EXPECT_THAT(Text(), HasSubstr("the spool is full"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenItsServersArchiverFailsOrIsOff) {
  source.wal = config::WalMode::kPush;
  facts.archiver = ArchiverFacts{};
  EXPECT_EQ(Judged(), Protection::kProtected);
  facts.archiver->failed = "000000010000000000000007";
  EXPECT_THAT(Text(), HasSubstr("its last attempt, of 000000010000000000000007"));
  EXPECT_EQ(Judged(), Protection::kAttention);
  source.wal = config::WalMode::kBoth;
  EXPECT_EQ(Judged(), Protection::kAttention);
  facts.archiver = ArchiverFacts{.off = true};
  EXPECT_THAT(Text(), HasSubstr("archive_mode is off"));
}

TEST_F(AProtectedSource, NeedsAttentionWhenFinishedSegmentsDoNotGetPushed) {
  source.wal = config::WalMode::kPush;
  facts.archiver = ArchiverFacts{.waiting = "000000010000000000000007", .waiting_for = minutes(5)};
  EXPECT_EQ(Judged(), Protection::kProtected);
  facts.archiver->waiting_for = minutes(6);
  EXPECT_THAT(Text(), HasSubstr("000000010000000000000007 was finished 6 min ago"));
  source.health.max_wal_lag = hours(1);
  EXPECT_EQ(Judged(), Protection::kProtected);
  // Archived to somewhere else.
  facts.archiver->waiting_for.reset();
  EXPECT_THAT(Text(), HasSubstr("the server does not have it any more"));
  source.wal = config::WalMode::kBoth;
  EXPECT_EQ(Judged(), Protection::kProtected);
}

TEST_F(AProtectedSource, IsJudgedByItsBackupsAloneOnceNoLongerConfigured) {
  facts.configured = nullptr;
  facts.at_risk.reset();
  facts.receiver.reset();
  EXPECT_EQ(Judged(), Protection::kProtected);
}

TEST(Risk, IsUnknownWithoutEitherPosition) {
  EXPECT_FALSE(RiskOf({.server = pg::Lsn(10)}));
  EXPECT_FALSE(RiskOf({.stored = pg::Lsn(10)}));
}

TEST(Risk, OfAnIdleServerIsNothingHoweverOldItsLastCommit) {
  const auto risk = RiskOf(
      {.server = pg::Lsn(10), .stored = pg::Lsn(10), .last_stored = base::Time{}, .now = kNow});
  ASSERT_TRUE(risk);
  EXPECT_EQ(risk->bytes, 0U);
  EXPECT_EQ(risk->time, base::Duration(0));
}

TEST(Risk, CountsBytesAndTimeSinceTheLastStoredCommit) {
  const auto risk = RiskOf({.server = pg::Lsn(50),
                            .stored = pg::Lsn(10),
                            .last_stored = kNow - seconds(7),
                            .now = kNow});
  ASSERT_TRUE(risk);
  EXPECT_EQ(risk->bytes, 40U);
  EXPECT_EQ(risk->time, seconds(7));
  EXPECT_FALSE(RiskOf({.server = pg::Lsn(50), .stored = pg::Lsn(10), .now = kNow})->time);
}

TEST(Nagios, SpeaksItsFourCodes) {
  EXPECT_EQ(NagiosCode(Protection::kProtected), 0);
  EXPECT_EQ(NagiosCode(Protection::kAttention), 1);
  EXPECT_EQ(NagiosCode(Protection::kUnprotected), 2);
  EXPECT_EQ(NagiosCode(Protection::kUnknown), 3);
}

}  // namespace
}  // namespace holdfast::cli
