#include "pg/control_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "pg/testing/test_data.h"

namespace holdfast::pg {
namespace {

// What pg_controldata of the same version says about each golden file.
struct Expected {
  std::uint32_t major;
  std::uint64_t system_identifier;
  const char* checkpoint;
  const char* redo;
  std::uint64_t next_xid;
  int seconds;  // after 2026-11-21 08:51
};

class ControlFileOf : public testing::TestWithParam<Expected> {
 protected:
  base::Bytes Read() const { return ReadTestData(fmt::format("pg_control_{}", GetParam().major)); }
};

base::ErrorKind KindOfFailure(base::ByteView bytes) {
  try {
    ParseControlFile(bytes);
  } catch (const base::Error& error) {
    return error.kind();
  }
  return base::ErrorKind::kInternal;
}

TEST_P(ControlFileOf, IsReadAsTheServersOwnToolReadsIt) {
  using namespace std::chrono;
  const Expected& expected = GetParam();
  const ControlFile file = ParseControlFile(Read());
  const base::Time time =
      sys_days{year{2026} / 11 / 21} + hours(8) + minutes(51) + seconds(expected.seconds);
  EXPECT_EQ(file.version.number(), expected.major);
  EXPECT_EQ(file.system_identifier.value(), expected.system_identifier);
  EXPECT_EQ(file.state, ClusterState::kInProduction);
  EXPECT_EQ(file.time, time);
  EXPECT_EQ(FormatLsn(file.checkpoint_lsn), expected.checkpoint);
  EXPECT_EQ(FormatLsn(file.checkpoint.redo), expected.redo);
  EXPECT_EQ(file.checkpoint.timeline, TimelineId(1));
  EXPECT_EQ(file.checkpoint.previous_timeline, TimelineId(1));
  EXPECT_TRUE(file.checkpoint.full_page_writes);
  EXPECT_EQ(file.checkpoint.next_xid, expected.next_xid);
  EXPECT_EQ(file.checkpoint.next_oid, 24576U);
  EXPECT_EQ(file.checkpoint.next_multixact, 1U);
  EXPECT_EQ(file.checkpoint.oldest_xid_database, 1U);
  EXPECT_EQ(file.checkpoint.oldest_active_xid, expected.next_xid);
  EXPECT_EQ(file.checkpoint.time, time);
  EXPECT_FALSE(file.min_recovery_point.IsValid());
  EXPECT_FALSE(file.backup_start.IsValid());
  EXPECT_FALSE(file.backup_end.IsValid());
  EXPECT_FALSE(file.backup_end_required);
  EXPECT_EQ(file.settings.wal_level, WalLevel::kReplica);
  EXPECT_FALSE(file.settings.wal_log_hints);
  EXPECT_EQ(file.settings.max_connections, 57U);
  EXPECT_EQ(file.settings.max_worker_processes, 8U);
  EXPECT_EQ(file.settings.max_wal_senders, 10U);
  EXPECT_EQ(file.settings.max_prepared_transactions, 0U);
  EXPECT_EQ(file.settings.max_locks_per_transaction, 64U);
  EXPECT_FALSE(file.settings.track_commit_timestamp);
  EXPECT_EQ(file.page_size, 8192U);
  EXPECT_EQ(file.blocks_per_segment, 131072U);
  EXPECT_EQ(file.wal_page_size, 8192U);
  EXPECT_EQ(file.segment_size.bytes(), base::kMiB);
  EXPECT_TRUE(file.HasDataChecksums());
}

TEST_P(ControlFileOf, EveryFlippedByteIsFound) {
  base::Bytes bytes = Read();
  const std::size_t length = GetParam().major == 18 ? 296 : 292;
  for (std::size_t i = 0; i < length; ++i) {
    bytes[i] ^= 0x20;
    // A format or catalog version nobody knows is named as such.
    EXPECT_THROW(ParseControlFile(bytes), base::Error) << i;
    if (i < 8 || i >= 12) {
      EXPECT_EQ(KindOfFailure(bytes), base::ErrorKind::kCorrupt) << i;
    }
    bytes[i] ^= 0x20;
  }
}

TEST_P(ControlFileOf, TornOrShortFilesAreCorrupt) {
  const base::Bytes bytes = Read();
  for (const std::size_t length : {0, 7, 12, 200, 291}) {
    EXPECT_EQ(KindOfFailure(base::ByteView(bytes).first(length)), base::ErrorKind::kCorrupt);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Majors, ControlFileOf,
    testing::Values(Expected{13, 7710544695805064356, "0/E00060", "0/E00028", 496, 28},
                    Expected{15, 7710544715667768714, "0/1100060", "0/1100028", 735, 34},
                    Expected{17, 7710544742170854998, "0/1100080", "0/1100028", 749, 40},
                    Expected{18, 7710544768540632759, "0/1100080", "0/1100028", 763, 43}),
    [](const auto& instance) { return fmt::format("Postgres{}", instance.param.major); });

TEST(ControlFile, SaysWhenTheClusterWasShutDown) {
  const ControlFile file = ParseControlFile(ReadTestData("pg_control_15_stopped"));
  EXPECT_EQ(file.state, ClusterState::kShutDown);
  EXPECT_EQ(ClusterStateName(file.state), "shut down");
  EXPECT_EQ(file.checkpoint_lsn, file.checkpoint.redo);
}

TEST(ControlFile, OfAnotherFormatIsRefusedByName) {
  base::Bytes bytes = ReadTestData("pg_control_15");
  bytes[8] = 0x13;  // 1200 would be 0x04B0
  EXPECT_EQ(KindOfFailure(bytes), base::ErrorKind::kUsage);
  bytes = ReadTestData("pg_control_15");
  std::swap(bytes[8], bytes[11]);
  std::swap(bytes[9], bytes[10]);
  EXPECT_EQ(KindOfFailure(bytes), base::ErrorKind::kCorrupt);  // big endian
}

}  // namespace
}  // namespace holdfast::pg
