#include "storage/open.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::storage {
namespace {

base::ErrorKind KindThrownBy(const std::string& url, const OpenOptions& options = {}) {
  try {
    OpenStorage(url, options);
  } catch (const base::Error& error) {
    EXPECT_FALSE(error.hints().empty());
    return error.kind();
  }
  ADD_FAILURE() << url << " was opened";
  return base::ErrorKind::kInternal;
}

TEST(OpenStorage, TakesAPathOrAFileUrlOfTheSameDirectory) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "with space";
  const auto created = OpenStorage(path, {.create = true});
  EXPECT_EQ(created->Put("a", base::AsBytes("x")), PutOutcome::kStored);
  EXPECT_EQ(OpenStorage("file://" + path, {})->Get("a"), base::ToBytes("x"));
  EXPECT_EQ(created->traits().description, "directory " + path);
}

TEST(OpenStorage, CreatesNothingUnasked) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "none";
  EXPECT_EQ(KindThrownBy(path), base::ErrorKind::kNotFound);
  EXPECT_EQ(KindThrownBy("file://" + path), base::ErrorKind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(OpenStorage, RefusesWhatItDoesNotKnow) {
  for (const char* url : {"", "relative", "./x", "file:", "file://", "file://host/path", "file:/x",
                          "ftp://x/y", "https://x", "file:///a%20b", "FILE:///x"}) {
    EXPECT_EQ(KindThrownBy(url, {.create = true}), base::ErrorKind::kUsage) << url;
    EXPECT_THROW(CheckUrl(url, ""), base::Error) << url;
  }
  EXPECT_THROW(CheckUrl("s3://bucket", "ftp://x"), base::Error);
  EXPECT_NO_THROW(CheckUrl("s3://bucket/a", "http://127.0.0.1:9"));
  EXPECT_NO_THROW(CheckUrl("file:///a", ""));
}

TEST(OpenStorage, ShowsNoPasswordOfAUrlItDoesNotKnow) {
  try {
    CheckUrl("ftp://me:s3cret@host/x", "");
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "\"ftp\" is not a place for objects");
  }
}

TEST(OpenStorage, LimitsADirectoryWhenToldTo) {
  const TemporaryDirectory directory;
  base::ManualClock clock;
  const auto storage = OpenStorage(
      directory.path().native(), {.upload_limit = std::make_shared<base::RateLimit>(1000, clock)});
  const base::Time start = clock.Now();
  EXPECT_EQ(storage->Put("a", base::Bytes(5000)), PutOutcome::kStored);
  EXPECT_EQ(clock.Now() - start, std::chrono::milliseconds(4750));
}

TEST(OpenStorage, OpensABucketWithoutAskingIt) {
  base::ManualClock clock;
  const OpenOptions options{.clock = &clock, .s3 = {.endpoint = "http://127.0.0.1:9"}};
  EXPECT_EQ(OpenStorage("s3://bucket/a", options)->traits().description,
            "s3://bucket/a at 127.0.0.1:9");
  EXPECT_EQ(KindThrownBy("s3://", options), base::ErrorKind::kUsage);
  EXPECT_EQ(KindThrownBy("s3://bucket", {.clock = &clock, .s3 = {.endpoint = "ftp://x"}}),
            base::ErrorKind::kUsage);
}

}  // namespace
}  // namespace holdfast::storage
