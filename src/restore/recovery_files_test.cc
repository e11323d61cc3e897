#include "restore/recovery_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "repo/testing/model_backup.h"
#include "restore/other_copies.h"

namespace holdfast::restore {
namespace {

constexpr std::size_t kSegment = base::kMiB;

// How much of a segment is left that was full of ones.
std::ptrdiff_t KeptOf(std::string_view name, pg::Lsn stop) {
  base::Bytes segment(kSegment, 1);
  EndWalAt(stop, name, segment);
  const auto end = std::ranges::find(segment, 0);
  EXPECT_TRUE(std::all_of(end, segment.end(), [](auto byte) { return byte == 0; }));
  return end - segment.begin();
}

TEST(EndOfExportedWal, IsTheBackupsStop) {
  EXPECT_EQ(KeptOf("000000010000000000000003", pg::Lsn(0x300028)), 0x28);
}

TEST(EndOfExportedWal, LeavesOtherSegmentsWhole) {
  EXPECT_EQ(KeptOf("000000010000000000000002", pg::Lsn(0x300028)), std::ptrdiff_t{kSegment});
  EXPECT_EQ(KeptOf("000000010000000000000002", pg::Lsn(0x300000)), std::ptrdiff_t{kSegment});
}

class InMemory final : public SmallFiles {
 public:
  WrittenFile Write(std::string_view path, base::ByteView contents, std::uint32_t) override {
    files[std::string(path)] = std::string(base::AsText(contents));
    return {};
  }
  std::map<std::string, std::string> files;
};

TEST(ExportedWal, TakesTheHistoryFromACopyThatHasIt) {
  const auto id = repo::BackupId::Parse("shop/20261121T070003Z-4f2a");
  const pg::SystemIdentifier system(7301234567890123456);
  const std::string history = "1\t0/3000000\tno recovery target specified\n";
  repo::TestRepository own;
  repo::TestRepository copy;
  RestorePlan plan;
  plan.starts_as = StartsAs::kBaseBackup;
  plan.backup = repo::WriteModel(own.repository(), id, {}).snapshot;
  (void)repo::WriteModel(copy.repository(), id, {});
  plan.facts.system = system;
  plan.facts.timeline = pg::TimelineId(2);
  (void)wal::Archive(copy.repository(), "shop")
      .Put(system, "00000002.history", base::AsBytes(history));
  const auto open = [&] {
    return repo::Repository::Open(copy.faulty, copy.clock, repo::TestUnlock());
  };
  base::NullReporter report;
  plan.others = std::make_shared<OtherCopies>(
      plan.backup, std::vector<OtherPlace>{{.name = "far", .open = open}}, own.clock, report);
  InMemory out;
  RecoveryFiles(plan, {}, out).WriteWal(own.repository(), {});
  EXPECT_EQ(out.files, (std::map<std::string, std::string>{{"pg_wal/00000002.history", history}}));
  EXPECT_EQ(plan.others->Warnings().size(), 1U);
}

}  // namespace
}  // namespace holdfast::restore
