#include "backup/change_finder.h"

#include <gtest/gtest.h>

namespace holdfast::backup {
namespace {

// ---- what may be built upon
class WhyNotBuiltOnTest : public ::testing::Test {
 protected:
  WhyNotBuiltOnTest() {
    parent.system = cluster.system_identifier = pg::SystemIdentifier(7);
    parent.timeline = start.timeline = pg::TimelineId(1);
    parent.wal_segment_size = cluster.wal_segment_size = 16 * 1024 * 1024;
    parent.start_lsn = pg::Lsn(1000);
    parent.stop_lsn = pg::Lsn(2000);
    start.lsn = pg::Lsn(2000);
  }
  std::optional<std::string> Why(const pg::TimelineHistory& history = {}) const {
    return WhyNotBuiltOn(parent, cluster, start, history);
  }
  // Timeline 2, which left 1 at `left_at`.
  static pg::TimelineHistory Second(std::uint64_t left_at) {
    return {pg::TimelineId(2), {{pg::TimelineId(1), pg::Lsn(left_at), ""}}};
  }

  catalog::ClusterFacts parent;
  pg::ClusterFacts cluster;
  pg::BackupStart start;
};

TEST_F(WhyNotBuiltOnTest, TheBackupBeforeOnTheSameTimeline) { EXPECT_EQ(Why(), std::nullopt); }

TEST_F(WhyNotBuiltOnTest, OneThatEndsBehindTheStart) {
  start.lsn = pg::Lsn(1999);
  EXPECT_TRUE(Why());
}

TEST_F(WhyNotBuiltOnTest, OneThatLiesOnTheHistoryWithItsEnd) {
  EXPECT_EQ(Why(Second(2000)), std::nullopt);
  // PostgreSQL's own rule misses this: the parent begins on the history and ends beyond it.
  EXPECT_TRUE(Why(Second(1999)));
  parent.timeline = pg::TimelineId(3);
  EXPECT_TRUE(Why(Second(5000)));
}

TEST_F(WhyNotBuiltOnTest, OneOfAClusterThatIsNoMoreWhatItWas) {
  parent.data_checksums = true;
  EXPECT_TRUE(Why());
  cluster.data_checksums = true;
  EXPECT_FALSE(Why());
  cluster.wal_segment_size *= 2;
  EXPECT_TRUE(Why());
  cluster.wal_segment_size = parent.wal_segment_size;
  cluster.system_identifier = pg::SystemIdentifier(8);
  EXPECT_TRUE(Why());
}

}  // namespace
}  // namespace holdfast::backup
