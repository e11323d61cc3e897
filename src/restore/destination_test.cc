#include "restore/destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

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

class Destination : public ::testing::Test {
 protected:
  base::Path Put(const base::Path& path, std::string_view text = "x") const {
    base::MakeDirectories((folder.path() / path).parent_path());
    base::WriteFileDurably(folder.path() / path, base::AsBytes(text));
    return folder.path() / path;
  }

  storage::TemporaryDirectory folder;
  const base::Path data = folder.path() / "data";
  const base::Path space = folder.path() / "space";
};

TEST_F(Destination, IsFreeWhenAbsentOrEmptyOrAFreshFileSystem) {
  EXPECT_EQ(CheckDataDirectory(data), DestinationState::kFree);
  fs::create_directories(data / "lost+found");
  EXPECT_EQ(CheckDataDirectory(data), DestinationState::kFree);
}

TEST_F(Destination, RefusesAClusterFilesAndWhatIsNoDirectory) {
  Put("data/global/pg_control");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(data); }),
              HasSubstr("is not empty"));
  const base::Path file = Put("file");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(file); }),
              HasSubstr("is not a directory"));
  fs::create_symlink(folder.path() / "nowhere", folder.path() / "dangling");
  Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(folder.path() / "dangling"); });
}

TEST_F(Destination, RefusesARunningServerEvenInAnUnfinishedRestore) {
  PrepareDirectories(data, {});
  Put("data/postmaster.pid", std::to_string(::getpid()) + "\n/data\n");
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict, [&] { CheckDataDirectory(data); }),
              HasSubstr("running"));
}

TEST_F(Destination, EmptiesAnUnfinishedRestoreButNotACluster) {
  PrepareDirectories(data, {{100, space}});
  Put("data/base/1/1259");
  Put("data/global/1262");
  Put("space/PG_15/1");
  EXPECT_EQ(CheckDataDirectory(data), DestinationState::kUnfinished);
  PrepareDirectories(data, {{100, space}});
  EXPECT_FALSE(fs::exists(data / "base"));
  EXPECT_FALSE(fs::exists(data / "global/1262"));
  EXPECT_TRUE(fs::is_empty(space));
  EXPECT_TRUE(fs::exists(data / kUnfinishedControlPath));
  Put("data/global/pg_control");
  Refusal(base::ErrorKind::kConflict, [&] { PrepareDirectories(data, {}); });
  EXPECT_TRUE(fs::exists(data / kControlPath));
}

TEST_F(Destination, NeverEmptiesATablespaceThatTheUnfinishedRestoreDidNotFill) {
  PrepareDirectories(data, {{100, space}});
  const base::Path kept = Put("live/PG_15/1");
  const base::Path live = folder.path() / "live";
  EXPECT_THAT(Refusal(base::ErrorKind::kConflict,
                      [&] {
                        PrepareDirectories(data, {{100, live}});
                      }),
              HasSubstr("live is not empty"));
  EXPECT_TRUE(fs::exists(kept));
}

TEST_F(Destination, RemembersWhatEarlierAttemptsFilled) {
  PrepareDirectories(data, {{100, space}});
  Put("space/PG_15/1");
  PrepareDirectories(data, {{100, folder.path() / "other"}});
  EXPECT_TRUE(fs::exists(space / "PG_15/1"));
  PrepareDirectories(data, {{100, space}});
  EXPECT_TRUE(fs::is_empty(space));
}

const std::vector<catalog::TablespaceFacts> kTablespaces = {
    {.oid = 100, .name = "fast", .location = "/ssd"},
    {.oid = 200, .name = "slow", .location = "/disk/slow/"},
    {.oid = 300, .name = "within", .location = "", .in_place = true}};

TEST(MapTablespaces, TakesLocationNameAndNumberAndKeepsTheRest) {
  EXPECT_THAT(MapTablespaces(kTablespaces, {{"/ssd", "/a"}, {"200", "/b/./c"}}, "/data"),
              ElementsAre(Pair(100, base::Path("/a")), Pair(200, base::Path("/b/c"))));
  EXPECT_EQ(MapTablespaces(kTablespaces, {{"slow", "/a"}}, "/data").at(100), base::Path("/ssd"));
}

TEST(MapTablespaces, RefusesWhatFitsNoneOrIsSaidTwice) {
  const auto usage = [](const std::map<std::string, base::Path>& asked) {
    return Refusal(base::ErrorKind::kUsage, [&] { MapTablespaces(kTablespaces, asked, "/data"); });
  };
  EXPECT_THAT(usage({{"none", "/a"}}), HasSubstr("none"));
  EXPECT_THAT(usage({{"within", "/a"}}), HasSubstr("within"));
  EXPECT_THAT(usage({{"fast", "a"}}), HasSubstr("absolute"));
  EXPECT_THAT(usage({{"fast", "/a"}, {"100", "/b"}}), HasSubstr("two places"));
}

TEST(MapTablespaces, RefusesOneDirectoryForTwoOrOneInsideAnother) {
  for (const char* place : {"/ssd", "/ssd/deep", "/data", "/data/in", "/"}) {
    Refusal(base::ErrorKind::kConflict, [&] {
      MapTablespaces(kTablespaces, {{"slow", place}}, "/data");
    });
  }
  EXPECT_NO_THROW(MapTablespaces(kTablespaces, {{"slow", "/ssd2"}}, "/data"));
}

TEST_F(Destination, CountsTheSpaceOfAFileSystemOnce) {
  const std::uint64_t most = base::FreeBytes(folder.path()) / 4 * 3;
  EXPECT_NO_THROW(CheckSpace({{data / "deep", 1}, {space, 1}}));
  EXPECT_THAT(Refusal(base::ErrorKind::kUnavailable,
                      [&] {
                        CheckSpace({{data, most}, {space, most}});
                      }),
              HasSubstr("free"));
}

}  // namespace
}  // namespace holdfast::restore
