#include "restore/surroundings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "restore/claim.h"
#include "restore/unfinished_file.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

template <typename Work>
std::string Refusal(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kConflict) << error.message();
    return error.message();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

class SurroundingsTest : public ::testing::Test {
 protected:
  SurroundingsTest() {
    for (const char* path : {"data/PG_VERSION", "data/global/pg_control", "data/base/5/PG_VERSION"})
      Put(path);
    fs::create_directories(folder.path() / "space/PG_15_202209061/5");
    fs::create_directories(folder.path() / "wal");
    fs::create_directory_symlink(folder.path() / "wal", data / "pg_wal");
    fs::create_directory_symlink(data, folder.path() / "link");
  }
  void Put(const base::Path& path) const {
    base::MakeDirectories((folder.path() / path).parent_path());
    base::WriteFileDurably(folder.path() / path, base::AsBytes("x"));
  }
  base::Path Below(std::string_view path) const { return folder.path() / path; }

  storage::TemporaryDirectory folder;
  const base::Path data = folder.path() / "data";
};

TEST_F(SurroundingsTest, NothingGoesIntoADataDirectory) {
  for (const base::Path& place :
       {data / "restored", data / "restored/", data / "base/deep", data / "pg_wal/deep",
        Below("link/sub"), base::Path("/proc/self/root") / (data / "new").relative_path(),
        Below("elsewhere/../data/x")}) {
    EXPECT_THAT(Refusal([&] { (void)CheckDataDirectory(place); }),
                HasSubstr("lies inside the PostgreSQL data directory"));
    EXPECT_THAT(Refusal([&] { (void)CheckInPlace(place, pg::SystemIdentifier(1)); }),
                HasSubstr("lies inside"));
    EXPECT_THAT(Refusal([&] { CheckTablespaceDirectory(place, Below("new")); }),
                HasSubstr("lies inside"));
    EXPECT_THAT(Refusal([&] { CheckFreeName(place); }), HasSubstr("lies inside"));
  }
  EXPECT_FALSE(fs::exists(data / "restored"));
}

TEST_F(SurroundingsTest, NorIntoOneThatHasNoControlFileJustNow) {
  fs::remove(data / "global/pg_control");
  Refusal([&] { RequireOutsideClusters(data / "x"); });
  Put("unfinished/global/pg_control.holdfast");
  Refusal([&] { RequireOutsideClusters(Below("unfinished/x")); });
}

TEST_F(SurroundingsTest, NorIntoWhatAServerHasInATablespace) {
  EXPECT_THAT(Refusal([&] { RequireOutsideClusters(Below("space/PG_15_202209061/5/x")); }),
              HasSubstr("the tablespace directory"));
  for (const char* other : {"PG_15", "PG_15_2022", "PG_15_old.copy", "XX_15_202209061"}) {
    fs::create_directories(Below("others") / other);
    EXPECT_NO_THROW(RequireOutsideClusters(Below("others") / other / "x")) << other;
  }
}

TEST_F(SurroundingsTest, ADirectoryItselfAndItsNeighboursAreNotInside) {
  for (const base::Path& place : {data, data / "", Below("data2"), Below("space/x"), Below("link"),
                                  base::Path("/"), Below("data/../new")})
    EXPECT_NO_THROW(RequireOutsideClusters(place)) << place;
}

TEST_F(SurroundingsTest, NothingGoesIntoWhatHoldfastKeeps) {
  fs::create_directories(Below("repository/packs"));
  fs::create_directory_symlink(Below("repository"), Below("mounted"));
  const std::vector<base::Path> kept = {Below("state"), Below("repository")};
  for (const char* inside : {"repository", "repository/packs/restored", "mounted/x", "state/wal"}) {
    EXPECT_THAT(Refusal([&] { RequireOutside(Below(inside), {}, kept); }), HasSubstr("lies in"));
    EXPECT_THAT(Refusal([&] {
                  RequireOutside(Below("new"), {{16384, Below(inside)}}, kept);
                }),
                HasSubstr("lies in"));
  }
  EXPECT_NO_THROW(RequireOutside(Below("repository2"), {{16384, Below("new")}}, kept));
}

}  // namespace
}  // namespace holdfast::restore
