#include "restore/claim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/error.h"
#include "pg/control_file.h"
#include "pg/testing/test_data.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Work>
std::string Refusal(base::ErrorKind kind, Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    EXPECT_EQ(base::ErrorKindName(error.kind()), base::ErrorKindName(kind)) << error.message();
    return error.message();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

using Tablespaces = std::map<pg::Oid, base::Path>;

class ClaimTest : public ::testing::Test {
 protected:
  base::Path Put(const base::Path& path, std::string_view text = "x") const {
    base::MakeDirectories((folder.path() / path).parent_path());
    base::WriteFileDurably(folder.path() / path, base::AsBytes(text));
    return folder.path() / path;
  }
  // A restore that begins and is interrupted.
  static void Claimed(const base::Path& data, const Tablespaces& tablespaces) {
    const Claim claim(data, tablespaces);
  }
  static std::vector<std::string> NamesIn(const base::Path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory))
      names.push_back(entry.path().filename().native());
    return names;
  }

  storage::TemporaryDirectory folder;
  const base::Path data = folder.path() / "data";
  const base::Path space = folder.path() / "space";
};

TEST_F(ClaimTest, IsFreeWhenAbsentOrEmptyOrAFreshFileSystem) {
  EXPECT_EQ(CheckDataDirectory(data), DestinationState::kFree);
  fs::create_directories(data / "lost+found");
  EXPECT_EQ(CheckDataDirectory(data), DestinationState::kFree);
}

TEST_F(ClaimTest, RefusesAClusterFilesAndWhatIsNoDirectory) {
  Put("data/global/pg_control");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(data); }),
              HasSubstr("is not empty"));
  const base::Path file = Put("file");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(file); }),
              HasSubstr("is not a directory"));
  fs::create_symlink(folder.path() / "nowhere", folder.path() / "dangling");
  Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(folder.path() / "dangling"); });
}

TEST_F(ClaimTest, SaysHowToMoveATablespaceThatMayNotBeThere) {
  const base::Path closed = folder.path() / "closed";
  fs::create_directory(closed);
  fs::permissions(closed, fs::perms(0555));
  fs::permissions(folder.path(), fs::perms(0777));
  const uid_t user = ::geteuid();
  if (user == 0) {  // who may do everything
    ASSERT_EQ(::seteuid(65534), 0);
  }
  std::vector<std::string> hints;
  try {
    Claimed(data, {{16384, closed / "space"}});
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kDenied) << error.message();
    hints = error.hints();
  }
  if (user == 0) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_THAT(hints, ::testing::Contains(HasSubstr("--tablespace")));
}

TEST_F(ClaimTest, RefusesARunningServerEvenInAnUnfinishedRestore) {
  Claimed(data, {});
  Put("data/postmaster.pid", std::to_string(::getpid()) + "\n/data\n");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(data); }),
              HasSubstr("running"));
}

TEST_F(ClaimTest, EmptiesAnUnfinishedRestoreButNotACluster) {
  Claimed(data, {{100, space}});
  Put("data/base/1/1259");
  Put("data/global/1262");
  Put("space/PG_15/1");
  EXPECT_EQ(CheckDataDirectory(data), DestinationState::kUnfinished);
  Claimed(data, {{100, space}});
  EXPECT_FALSE(fs::exists(data / "base"));
  EXPECT_FALSE(fs::exists(data / "global/1262"));
  EXPECT_THAT(NamesIn(space), ElementsAre(kTablespaceMark));
  EXPECT_TRUE(fs::exists(data / kUnfinishedControlPath));
  Put("data/global/pg_control");
  Refusal(base::ErrorKind::kConflict, [&] { Claimed(data, {}); });
  EXPECT_TRUE(fs::exists(data / kControlPath));
}

TEST_F(ClaimTest, NeverEmptiesATablespaceThatTheUnfinishedRestoreDidNotFill) {
  Claimed(data, {{100, space}});
  const base::Path kept = Put("live/PG_15/1");
  const base::Path live = folder.path() / "live";
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict,
                      [&] {
                        Claimed(data, {{100, live}});
                      }),
              HasSubstr("live is not empty"));
  EXPECT_TRUE(fs::exists(kept));
}

TEST_F(ClaimTest, RemembersWhatEarlierAttemptsFilled) {
  Claimed(data, {{100, space}});
  Put("space/PG_15/1");
  Claimed(data, {{100, folder.path() / "other"}});
  EXPECT_TRUE(fs::exists(space / "PG_15/1"));
  Claimed(data, {{100, space}});
  EXPECT_THAT(NamesIn(space), ElementsAre(kTablespaceMark));
}

TEST_F(ClaimTest, RefusesASecondRestoreWhileTheFirstRuns) {
  const Claim first(data, {{100, space}});
  for (const auto& second : {std::function([&] { Claimed(data, {}); }),
                             std::function([&] { (void)CheckDataDirectory(data); })})
    EXPECT_THAT(Refusal(base::ErrorKind::kConflict, second), HasSubstr("another restore into"));
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict,
                      [&] {
                        Claimed(folder.path() / "two", {{100, space}});
                      }),
              HasSubstr("space is not empty"));
}

TEST_F(ClaimTest, LetsGoWhenItsProcessIsKilled) {
  const pid_t child = ::fork();
  if (child == 0) {
    const Claim first(data, {});
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(CheckDataDirectory(data), DestinationState::kUnfinished);
  EXPECT_NO_THROW(Claimed(data, {}));
}

TEST_F(ClaimTest, LeavesNoMarkWhenItIsFinished) {
  Claim claim(data, {{100, space}});
  Put("data/global/pg_control");
  claim.Finish();
  EXPECT_THAT(NamesIn(data / "global"), ElementsAre("pg_control"));
  EXPECT_TRUE(fs::is_empty(space));
}

TEST_F(ClaimTest, NeverEmptiesATablespaceThatWasGivenAwayMeanwhile) {
  Claimed(data, {{100, space}});
  fs::remove_all(space);
  const base::Path kept = Put("space/PG_15/1");
  const auto again = [&] { Claimed(data, {{100, space}}); };
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, again), HasSubstr("space is not empty"));
  EXPECT_TRUE(fs::exists(kept));

  // Also to another restore, which is not finished either.
  fs::remove_all(space);
  Claimed(folder.path() / "two", {{100, space}});
  Put("space/PG_15/1");
  Refusal(base::ErrorKind::kConflict, again);
  EXPECT_TRUE(fs::exists(kept));
}

TEST_F(ClaimTest, BeginsAgainWhereMarksWereNotWrittenToTheirEnd) {
  base::MakeDirectories(data / "global");
  EXPECT_NO_THROW(Claimed(data, {}));
  Put(base::Path("data") / kUnfinishedControlPath, "an unfin");
  Put(base::Path("space") / kTablespaceMark, "an unfinished restore by holdfast\n12");
  EXPECT_NO_THROW(Claimed(data, {{100, space}}));
  Put("space/PG_15/1");
  EXPECT_NO_THROW(Claimed(data, {{100, space}}));
}

TEST_F(ClaimTest, TakesNoTornMarkForAProof) {
  Claimed(data, {});
  Put(base::Path("space") / kTablespaceMark, "an unfinished restore by holdfast\n12");
  const base::Path kept = Put("space/PG_15/1");
  Refusal(base::ErrorKind::kConflict, [&] { Claimed(data, {{100, space}}); });
  Put(base::Path("data") / kUnfinishedControlPath, "");
  Refusal(base::ErrorKind::kConflict, [&] { Claimed(data, {{100, space}}); });
  EXPECT_TRUE(fs::exists(kept));
}

// A directory with a control file that says which cluster it is.
class InPlaceTest : public ClaimTest {
 protected:
  void MakeCluster(std::string_view control = "pg_control_15_stopped") const {
    Put("data/global/pg_control", base::AsText(pg::ReadTestData(control)));
    Put("data/base/1/1259");
  }
  void ClaimInPlace(const Tablespaces& tablespaces = {}) const {
    const Claim claim = Claim::InPlace(data, tablespaces, kSystem);
  }

  const pg::SystemIdentifier kSystem =
      pg::ParseControlFile(pg::ReadTestData("pg_control_15_stopped")).system_identifier;
};

TEST_F(InPlaceTest, TakesTheControlFileAwayAndNothingElse) {
  MakeCluster();
  EXPECT_EQ(CheckInPlace(data, kSystem), DestinationState::kCluster);
  ClaimInPlace();
  EXPECT_FALSE(fs::exists(data / kControlPath));
  EXPECT_TRUE(fs::exists(data / "base/1/1259"));
  // Only in place is it gone on with.
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(data); }),
              HasSubstr("in place"));
  EXPECT_EQ(CheckInPlace(data, kSystem), DestinationState::kCluster);
  ClaimInPlace();
  EXPECT_TRUE(fs::exists(data / "base/1/1259"));
}

TEST_F(InPlaceTest, RefusesOtherClustersAndWhatIsNone) {
  EXPECT_EQ(CheckInPlace(data, kSystem), DestinationState::kFree);
  MakeCluster("pg_control_17");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { ClaimInPlace(); }),
              HasSubstr("another cluster"));
  Put("data/global/pg_control", "garbage");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { ClaimInPlace(); }), HasSubstr("sound"));
  fs::remove(data / kControlPath);
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { ClaimInPlace(); }), HasSubstr("sound"));
  EXPECT_TRUE(fs::exists(data / "base/1/1259"));
}

TEST_F(InPlaceTest, RefusesWhereAServerMayRun) {
  MakeCluster();
  Put("data/postmaster.pid", "999999\n");  // of another container, perhaps
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { ClaimInPlace(); }),
              HasSubstr("postmaster.pid"));
  EXPECT_TRUE(fs::exists(data / kControlPath));
}

TEST_F(InPlaceTest, GoesOnWithAnOrdinaryRestoreThatWasInterrupted) {
  Claimed(data, {{100, space}});
  Put("data/base/1/1259");
  Put("space/PG_15/1");
  ClaimInPlace({{100, space}});
  EXPECT_TRUE(fs::exists(data / "base/1/1259"));
  EXPECT_TRUE(fs::exists(space / "PG_15/1"));
  Refusal(base::ErrorKind::kConflict, [&] { Claimed(data, {{100, space}}); });
}

TEST_F(InPlaceTest, TakesTheTablespacesThatTheClusterHas) {
  MakeCluster();
  Put("space/PG_15/1");
  Put("other/PG_15/1");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict,
                      [&] {
                        ClaimInPlace({{100, space}});
                      }),
              HasSubstr("not empty"));
  fs::create_directories(data / "pg_tblspc");
  fs::create_directory_symlink(space, data / "pg_tblspc/100");
  ClaimInPlace({{100, space}});
  ClaimInPlace({{100, space}});
  EXPECT_TRUE(fs::exists(space / "PG_15/1"));
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict,
                      [&] {
                        ClaimInPlace({{100, folder.path() / "other"}});
                      }),
              HasSubstr("not empty"));
}

}  // namespace
}  // namespace holdfast::restore
