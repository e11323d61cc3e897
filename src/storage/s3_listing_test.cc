#include "storage/s3_listing.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "http/testing/local_server.h"

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using http::Received;
using http::Reply;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Names = std::vector<std::string>;

std::string Entry(std::string_view key) {
  return fmt::format(
      "<Contents><Key>{}</Key><LastModified>2026-11-21T07:00:03.987Z</LastModified>"
      "<ETag>\"x\"</ETag><Size>5</Size></Contents>",
      key);
}

std::string Page(const Names& keys, std::string_view next = "", bool encoded = true) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"x\">";
  if (encoded) xml += "<EncodingType>url</EncodingType>";
  xml += fmt::format("<IsTruncated>{}</IsTruncated>", !next.empty());
  if (!next.empty()) xml += fmt::format("<NextContinuationToken>{}</NextContinuationToken>", next);
  for (const std::string& key : keys) xml += Entry(key);
  return xml + "</ListBucketResult>";
}

class S3Listing : public testing::Test {
 protected:
  S3Listing()
      : server_(
            [this](const Received&) { return replies_[std::min(at_++, replies_.size() - 1)]; }) {}

  Names List(S3ListOptions options = {}) {
    at_ = 0;
    std::vector<AwsCredentialSource> keys;
    keys.push_back({"test", []() -> std::optional<AwsCredentials> {
                      return AwsCredentials{.access_key_id = "A", .secret_access_key = "b"};
                    }});
    S3Client client(
        {.location = ParseS3Url("s3://bucket/pre"), .endpoint = ParseEndpoint(server_.url())},
        std::make_shared<http::Client>(),
        std::make_shared<AwsCredentialChain>(std::move(keys), clock_), clock_);
    Retrier retrier(clock_, {.first_deadline = std::chrono::seconds(3)});
    Names names;
    ListS3(client, retrier, options, [&](const ObjectInfo& object) {
      names.push_back(object.name);
      EXPECT_EQ(object.size, 5U);
      EXPECT_EQ(object.modified, base::Time(std::chrono::seconds(1'795'244'403)));
    });
    return names;
  }

  Names ListOf(std::vector<Reply> replies, S3ListOptions options = {}) {
    replies_ = std::move(replies);
    return List(std::move(options));
  }

  ErrorKind KindThrownBy(std::vector<Reply> replies) {
    try {
      ListOf(std::move(replies));
    } catch (const base::Error& error) {
      return error.kind();
    }
    return ErrorKind::kInternal;
  }

  base::ManualClock clock_;
  std::vector<Reply> replies_;
  std::size_t at_ = 0;
  http::LocalServer server_;
};

TEST_F(S3Listing, GoesThroughAllPages) {
  EXPECT_THAT(ListOf({{.body = Page({"pre/a", "pre/b"}, "tok/1+=")},
                      {.body = Page({}, "tok2")},
                      {.body = Page({"pre/c%2Fd"})}}),
              ElementsAre("a", "b", "c/d"));
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].target,
            "/bucket/?encoding-type=url&list-type=2&max-keys=1000&prefix=pre%2F");
  EXPECT_THAT(requests[1].target, HasSubstr("continuation-token=tok%2F1%2B%3D&"));
}

TEST_F(S3Listing, BeginsWhereItIsToldAlsoWhereTheStoreDoesNot) {
  EXPECT_THAT(
      ListOf({{.body = Page({"pre/p/a", "pre/p/b", "pre/p/c"})}}, {.prefix = "p/", .after = "p/b"}),
      ElementsAre("p/c"));
  EXPECT_THAT(server_.requests().at(0).target, HasSubstr("start-after=pre%2Fp%2Fb"));
}

TEST_F(S3Listing, PassesOverWhatIsNoObjectOfOurs) {
  EXPECT_THAT(ListOf({{.body = Page({"pre/", "pre/.hidden", "pre/a%20b", "pre/a+c", "pre/a%2Fb",
                                     "pre/a%2Fb%2F"})}}),
              ElementsAre("a/b"));
}

TEST_F(S3Listing, TakesNamesThatAreNotEncoded) {
  EXPECT_THAT(ListOf({{.body = Page({"pre/a", "pre/b%2Fc"}, "", false)}}), ElementsAre("a"));
}

TEST_F(S3Listing, RepeatsAPageAndNotWhatCameBefore) {
  const std::string cut = Page({"pre/c"}).substr(0, 150);
  EXPECT_THAT(ListOf({{.body = Page({"pre/a"}, "next")},
                      {.status = 503},
                      {.body = cut},
                      {.body = Page({"pre/b"})}}),
              ElementsAre("a", "b"));
  EXPECT_EQ(server_.requests().size(), 4U);
}

TEST_F(S3Listing, NeverTakesAPartForTheWhole) {
  const std::string whole = Page({"pre/a"});
  const auto without = [&](std::string_view what) {
    std::string page = Page({"pre/a"}, "next");
    page.erase(page.find(what), what.size());
    return page;
  };
  for (const std::string& body :
       {std::string(), std::string("<html/>"), whole.substr(0, whole.size() - 1),
        whole.substr(0, whole.size() - 19), without("<IsTruncated>true</IsTruncated>"),
        without("<NextContinuationToken>next</NextContinuationToken>"), without("<Key>pre/a</Key>"),
        without("<Size>5</Size>"), without("<LastModified>2026-11-21T07:00:03.987Z</LastModified>"),
        Page({"pre/a%2"}), Page({"pre/a%zz"}), Page({"other/a"})}) {
    EXPECT_EQ(KindThrownBy({{.body = body}}), ErrorKind::kUnavailable) << body;
  }
}

TEST_F(S3Listing, RefusesAStoreThatListsInAnotherOrder) {
  EXPECT_EQ(KindThrownBy({{.body = Page({"pre/a/b", "pre/a-b"})}}), ErrorKind::kCorrupt);
  EXPECT_EQ(KindThrownBy({{.body = Page({"pre/b"}, "next")}, {.body = Page({"pre/a"})}}),
            ErrorKind::kCorrupt);
  EXPECT_EQ(KindThrownBy({{.body = Page({"pre/a", "pre/a"})}}), ErrorKind::kCorrupt);
}

TEST_F(S3Listing, EndsWhenPagesGoInCircles) {
  EXPECT_EQ(KindThrownBy({{.body = Page({}, "same")}}), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace holdfast::storage
