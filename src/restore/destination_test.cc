#include "restore/destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

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

TEST(CheckSpace, CountsTheSpaceOfAFileSystemOnce) {
  const storage::TemporaryDirectory folder;
  const base::Path data = folder.path() / "data";
  const base::Path space = folder.path() / "space";
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
