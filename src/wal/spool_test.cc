#include "wal/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "pg/testing/expect_error.h"
#include "storage/testing/temporary_directory.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {
namespace {

using base::ErrorKind;
using pg::ExpectError;

constexpr pg::TimelineId kFirst{1};

class SpoolTest : public testing::Test {
 protected:
  Spool Open() {
    Spool spool = Spool::Open(directory_.path() / "spool");
    spool.SetIdentity({.system = kSystem, .segment_size = kSmall});
    return spool;
  }
  base::Path FileOf(std::uint64_t segment) const {
    return directory_.path() / "spool" / (Name(1, segment) + ".wal");
  }
  storage::TemporaryDirectory directory_;
};

TEST_F(SpoolTest, ShowsWhatIsDurableAndSplitsAtSegments) {
  const base::Bytes wal = MakePages(kFirst, At(1), 2 * kSmallBytes, 1);
  Spool spool = Open();
  spool.Append(kFirst, At(1), base::ByteView(wal).first(500));
  EXPECT_TRUE(spool.Segments().empty());  // not yet fsynced
  spool.Append(kFirst, At(1, 500), base::ByteView(wal).subspan(500, kSmallBytes));
  // A segment is durable to its end before the next one begins.
  ASSERT_EQ(spool.Segments().size(), 1U);
  EXPECT_TRUE(spool.Segments()[0].whole);
  spool.Sync();
  const std::vector<SpooledSegment> segments = spool.Segments();
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_TRUE(segments[0].whole);
  EXPECT_EQ(segments[1].end, At(2, 500));
  EXPECT_TRUE(base::Equal(spool.Read(segments[0]), base::ByteView(wal).first(kSmallBytes)));
  spool.Remove(segments[0]);
  EXPECT_EQ(spool.Segments().size(), 1U);
}

TEST_F(SpoolTest, RefusesAHole) {
  Spool spool = Open();
  ExpectError(ErrorKind::kInternal, "was due",
              [&] { spool.Append(kFirst, At(1, 100), base::AsBytes("x")); });
}

TEST_F(SpoolTest, IsHeldByOneReceiver) {
  const Spool spool = Open();
  ExpectError(ErrorKind::kConflict, "another receiver", [&] { (void)Open(); });
}

TEST_F(SpoolTest, RefusesAnotherClusterWhileItHoldsWal) {
  Spool spool = Open();
  spool.SetIdentity({.system = pg::SystemIdentifier(5), .segment_size = kSmall});
  spool.SetIdentity({.system = kSystem, .segment_size = kSmall});
  spool.Append(kFirst, At(1), base::AsBytes("x"));
  ExpectError(ErrorKind::kConflict, "holds WAL of the cluster", [&] {
    spool.SetIdentity({.system = pg::SystemIdentifier(5), .segment_size = kSmall});
  });
}

TEST_F(SpoolTest, RefusesFilesThatAreNotItsOwn) {
  { const Spool spool = Open(); }
  base::WriteFileDurably(directory_.path() / "spool/precious.txt", base::AsBytes("x"));
  ExpectError(ErrorKind::kCorrupt, "precious.txt", [&] { (void)Open(); });
}

TEST_F(SpoolTest, CutsOffWhatAPowerLossLeftHalfWritten) {
  const base::Bytes wal = MakePages(kFirst, At(1), 5000, 1);
  {
    Spool spool = Open();
    spool.Append(kFirst, At(1), base::ByteView(wal).first(3000));
    spool.Append(kFirst, At(1, 3000), base::ByteView(wal).subspan(3000));
    spool.Sync();
  }
  const std::uint64_t size = std::filesystem::file_size(FileOf(1));
  for (const std::uint64_t lost : {std::uint64_t{1}, std::uint64_t{1999}, std::uint64_t{2005}}) {
    // A file grows before its data is written: zeros where bytes should be.
    base::File file = base::File::Open(FileOf(1), O_RDWR);
    file.WriteAt(size - lost, base::Bytes(lost));
    Spool spool = Open();
    ASSERT_EQ(spool.Segments().size(), 1U);
    EXPECT_EQ(spool.Segments()[0].end, At(1, 3000));
    spool.Append(kFirst, At(1, 3000), base::ByteView(wal).subspan(3000));
    spool.Sync();
    EXPECT_EQ(spool.Read(spool.Segments()[0]), wal);
  }
}

TEST_F(SpoolTest, KeepsHistoriesUntilTheyAreRemoved) {
  { Open().PutHistory(pg::TimelineId(2), "1\t0/310000\tx\n"); }
  Spool spool = Open();
  EXPECT_THAT(spool.Histories(), testing::ElementsAre(pg::TimelineId(2)));
  EXPECT_EQ(spool.ReadHistory(pg::TimelineId(2)), "1\t0/310000\tx\n");
  spool.RemoveHistory(pg::TimelineId(2));
  EXPECT_TRUE(spool.Histories().empty());
}

// A child appends and tells through a pipe how far it has fsynced, until it is killed.
void AppendForEver(Spool spool, int acknowledgements) {
  pg::Lsn position = spool.Segments().empty() ? At(1) : spool.Segments().back().end;
  while (true) {
    const std::size_t count = 1 + position.value() % 7919;
    const pg::Lsn page(position.value() / 8192 * 8192);
    const base::Bytes pages = MakePages(kFirst, page, position - page + count, 1);
    spool.Append(kFirst, position, base::ByteView(pages).subspan(position - page));
    spool.Sync();
    position = position + count;
    const std::uint64_t told = position.value();
    if (::write(acknowledgements, &told, sizeof told) != sizeof told) ::_exit(1);
  }
}

TEST_F(SpoolTest, HasWhatWasAcknowledgedWhenItsProcessIsKilled) {
  std::mt19937 random(7);
  for (int round = 0; round < 8; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) AppendForEver(Open(), ends[1]);
    ::close(ends[1]);
    std::uint64_t told = 0;
    for (unsigned i = 0; i < 5 + random() % 60; ++i) {
      ASSERT_EQ(::read(ends[0], &told, sizeof told), static_cast<ssize_t>(sizeof told));
    }
    ::kill(child, SIGKILL);
    while (::read(ends[0], &told, sizeof told) == static_cast<ssize_t>(sizeof told)) {
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);

    const Spool spool = Open();
    const std::vector<SpooledSegment> segments = spool.Segments();
    ASSERT_FALSE(segments.empty());
    EXPECT_GE(segments.back().end.value(), told);
    for (const SpooledSegment& segment : segments) {
      EXPECT_EQ(spool.Read(segment),
                MakePages(kFirst, segment.start, segment.end - segment.start, 1));
    }
  }
}

}  // namespace
}  // namespace holdfast::wal
