#include "restore/recovery_files.h"

#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace holdfast::restore
