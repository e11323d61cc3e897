#include "cli/copy_choice.h"

#include <gmock/gmock.h>

#include "catalog/cluster_facts.h"

namespace holdfast::cli {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::IsEmpty;

const base::Time kNow{days(1000)};

repo::BackupId Id(int day) {
  return repo::BackupId::Parse("shop/202611" + std::to_string(10 + day) + "T070000Z-4f2a");
}

// Made at the end of day `day` of ten, of which the last is today.
repo::Snapshot BackupOfDay(int day, const std::vector<catalog::BadPage>& bad_pages = {}) {
  repo::Snapshot backup;
  backup.id = Id(day);
  backup.facts.kind = "cluster";
  backup.facts.started = kNow - days(10 - day);
  backup.facts.finished = backup.facts.started;
  const auto start = static_cast<std::uint64_t>(day) * 100;
  backup.facts.log = repo::LogRange{.system = 7, .timeline = 1, .start = start, .stop = start + 10};
  catalog::ClusterFacts facts;
  facts.system = pg::SystemIdentifier(7);
  facts.timeline = pg::TimelineId(1);
  facts.start_lsn = pg::Lsn(start);
  facts.stop_lsn = pg::Lsn(start + 10);
  facts.bad_pages = bad_pages;
  backup.facts.attributes = catalog::ToJson(facts);
  return backup;
}

class CopyChoice : public testing::Test {
 protected:
  CopyChoice() {
    config.timezone = "UTC";
    config.sources.emplace_back();
    config.sources[0].name = "shop";
    config.sources[0].repository = "main";
    config.sources[0].copies = {{.repository = "offsite", .retention = {}}};
    for (int day = 1; day <= 5; ++day) plan.backups.push_back(BackupOfDay(day));
  }
  std::set<repo::BackupId> NotKept(const std::set<repo::BackupId>& pinned = {}) const {
    return NotKeptThere(config, "offsite", plan, pinned, kNow);
  }
  config::Config config;
  replicate::CopyPlan plan;
};

TEST_F(CopyChoice, LeavesNothingOutWithoutARetention) { EXPECT_THAT(NotKept(), IsEmpty()); }

TEST_F(CopyChoice, LeavesOutWhatTheTargetWouldLetGoAtOnce) {
  config.sources[0].copies[0].retention.last = 2;
  EXPECT_THAT(NotKept(), ElementsAre(Id(1), Id(2), Id(3)));
}

TEST_F(CopyChoice, CountsWhatTheTargetHas) {
  config.sources[0].copies[0].retention.last = 2;
  plan.of_target = {BackupOfDay(6), BackupOfDay(7)};
  EXPECT_EQ(NotKept().size(), 5U);
}

TEST_F(CopyChoice, TakesWhatIsPinned) {
  config.sources[0].copies[0].retention.last = 2;
  EXPECT_THAT(NotKept({Id(1)}), ElementsAre(Id(2), Id(3)));
}

TEST_F(CopyChoice, TakesTheNewestGoodOneToo) {
  config.sources[0].copies[0].retention.last = 1;
  plan.backups.back() = BackupOfDay(5, {{.path = "base/5/1", .block = 3}});
  EXPECT_THAT(NotKept(), ElementsAre(Id(1), Id(2), Id(3)));
}

TEST_F(CopyChoice, TakesOfTheLogWhatTheWindowAndEveryBackupNeed) {
  EXPECT_FALSE(SegmentsWithin(std::nullopt, plan, {}, kNow));
  const auto wants = SegmentsWithin(days(7), plan, {}, kNow);
  ASSERT_TRUE(wants);
  const auto wanted = [&](std::uint64_t start) {
    return (*wants)(pg::SystemIdentifier(7), pg::TimelineId(1), pg::Lsn(start),
                    pg::Lsn(start + 10));
  };
  EXPECT_FALSE(wanted(50));   // before the first backup
  EXPECT_TRUE(wanted(100));   // its own
  EXPECT_FALSE(wanted(150));  // seven days back one goes on from the second
  EXPECT_TRUE(wanted(250));
  EXPECT_TRUE(wanted(900));
  EXPECT_TRUE((*wants)(pg::SystemIdentifier(8), pg::TimelineId(1), pg::Lsn(0), pg::Lsn(10)));
}

}  // namespace
}  // namespace holdfast::cli
