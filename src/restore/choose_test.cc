#include "restore/choose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::restore {
namespace {

constexpr pg::SystemIdentifier kSystem{7};

base::Time At(int second) { return base::Time(std::chrono::seconds(1'800'000'000 + second)); }

catalog::ClusterBackup Backup(std::uint32_t timeline, std::uint64_t stop, int second) {
  catalog::ClusterBackup backup;
  backup.facts.system = kSystem;
  backup.facts.timeline = pg::TimelineId(timeline);
  backup.facts.stop_lsn = pg::Lsn(stop);
  backup.facts.stop_time = At(second);
  return backup;
}

const Backups kBackups = {Backup(1, 100, 10), Backup(1, 200, 20), Backup(1, 300, 30)};

std::uint64_t Chosen(const RecoveryTarget& target, std::optional<pg::Lsn> found = {},
                     bool exclusive = false) {
  TargetOptions options;
  options.target = target;
  options.exclusive = exclusive;
  const catalog::ClusterBackup* chosen = NewestBefore(kBackups, options, found);
  return chosen == nullptr ? 0 : chosen->facts.stop_lsn.value();
}

TEST(NewestBefore, TakesTheNewestForEverythingThereIs) {
  EXPECT_EQ(Chosen(LatestTarget{}), 300U);
  EXPECT_EQ(Chosen(ImmediateTarget{}), 300U);
}

TEST(NewestBefore, TakesNoneThatEndedAfterTheTime) {
  EXPECT_EQ(Chosen(TimeTarget{At(29)}), 200U);
  EXPECT_EQ(Chosen(TimeTarget{At(30)}), 300U);
  EXPECT_EQ(Chosen(TimeTarget{At(9)}), 0U);
}

TEST(NewestBefore, LeavesOutTheBackupThatEndedAtAnExcludedTime) {
  EXPECT_EQ(Chosen(TimeTarget{At(30)}, {}, true), 200U);
}

TEST(NewestBefore, TakesNoneThatEndedAfterThePosition) {
  EXPECT_EQ(Chosen(LsnTarget{pg::Lsn(299)}), 200U);
  EXPECT_EQ(Chosen(LsnTarget{pg::Lsn(300)}), 300U);
  EXPECT_EQ(Chosen(LsnTarget{pg::Lsn(99)}), 0U);
}

TEST(NewestBefore, GoesByWhereARecordWasFound) {
  EXPECT_EQ(Chosen(XidTarget{5}, pg::Lsn(250)), 200U);
  EXPECT_EQ(Chosen(NameTarget{"a"}, pg::Lsn(300)), 300U);
  EXPECT_EQ(Chosen(NameTarget{"a"}), 0U);
}

TEST(ClustersFor, TakesTheOneThatTheSourceWasAtATime) {
  constexpr pg::SystemIdentifier kLater{8};
  Backups both = kBackups;
  both.push_back(Backup(1, 50, 40));
  both.back().facts.system = kLater;
  const auto for_target = [&](const RecoveryTarget& target) {
    return ClustersFor(both, {.target = target, .timeline = {}});
  };
  EXPECT_THAT(for_target(LatestTarget{}), ::testing::ElementsAre(kLater));
  EXPECT_THAT(for_target(LsnTarget{pg::Lsn(100)}), ::testing::ElementsAre(kLater));
  EXPECT_THAT(for_target(TimeTarget{At(41)}), ::testing::ElementsAre(kLater, kSystem));
  EXPECT_THAT(for_target(TimeTarget{At(39)}), ::testing::ElementsAre(kSystem, kLater));
  EXPECT_THAT(for_target(TimeTarget{At(1)}), ::testing::ElementsAre(kSystem, kLater));
}

TEST(OnHistory, LeavesOutOtherClustersAndAbandonedBranches) {
  Backups all = kBackups;
  all.push_back(Backup(2, 250, 40));
  all.push_back(Backup(3, 260, 50));
  all.push_back(Backup(1, 50, 5));
  all.back().facts.system = pg::SystemIdentifier{8};
  const pg::TimelineHistory history(pg::TimelineId(2),
                                    {{pg::TimelineId(1), pg::Lsn(200), "no recovery target"}});
  std::vector<std::uint64_t> stops;
  for (const auto& backup : OnHistory(all, kSystem, history))
    stops.push_back(backup.facts.stop_lsn.value());
  EXPECT_THAT(stops, ::testing::ElementsAre(100, 200, 250));
}

}  // namespace
}  // namespace holdfast::restore
