#include "storage/s3_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "http/testing/local_server.h"

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using http::Headers;
using http::Received;
using http::Reply;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorBody(std::string_view code, std::string_view more = "") {
  return fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code>{}</Error>", code, more);
}

Reply Refusal(int status, std::string_view code, std::string_view more = "") {
  return {.status = status, .body = ErrorBody(code, more)};
}

const Reply kNoSuchKey = Refusal(404, "NoSuchKey");
const http::Header kModified = {"Last-Modified", "Sat, 21 Nov 2026 07:00:03 GMT"};

// A bucket on a server that answers as told.
class S3StorageTest : public testing::Test {
 protected:
  S3StorageTest()
      : server_([this](const Received& request) {
          std::string text = request.method + " " + request.target;
          if (const auto* range = http::Find(request.headers, "Range")) text += " " + *range;
          // One at a time: what answers may remember what it was asked.
          return asked_.With([&](auto& asked) {
            asked.push_back(std::move(text));
            return answer_(request);
          });
        }) {}

  S3Storage& Open(S3PutOptions put = {}, AddressStyle style = AddressStyle::kAuto) {
    std::vector<AwsCredentialSource> keys;
    keys.push_back({"test", [this]() -> std::optional<AwsCredentials> { return credentials_; }});
    storage_ = std::make_unique<S3Storage>(
        std::make_unique<S3Client>(S3ClientOptions{.location = ParseS3Url("s3://bucket/pre"),
                                                   .endpoint = ParseEndpoint(server_.url()),
                                                   .style = style},
                                   std::make_shared<http::Client>(),
                                   std::make_shared<AwsCredentialChain>(std::move(keys), clock_),
                                   clock_),
        S3StorageOptions{.put = std::move(put),
                         .retry = {.deadline = std::chrono::seconds(60),
                                   .first_deadline = std::chrono::seconds(60)}},
        clock_);
    return *storage_;
  }

  // Answers one after the other; the last one for ever.
  void AnswerWith(std::vector<Reply> replies) {
    answer_ = [replies = std::move(replies), at = std::make_shared<std::atomic<std::size_t>>(0)](
                  const Received&) { return replies[std::min(replies.size() - 1, (*at)++)]; };
  }

  std::vector<std::string> asked() const {
    return asked_.With([](const auto& asked) { return asked; });
  }

  template <typename Work>
  static base::Error ThrownBy(Work&& work) {
    try {
      work();
    } catch (const base::Error& error) {
      return error;
    }
    return {ErrorKind::kInternal, "nothing was thrown"};
  }

  base::ManualClock clock_;
  AwsCredentials credentials_{.access_key_id = "AKIA1", .secret_access_key = "secret"};
  std::function<Reply(const Received&)> answer_ = [](const Received&) { return kNoSuchKey; };
  base::Synchronized<std::vector<std::string>> asked_;
  std::unique_ptr<S3Storage> storage_;
  http::LocalServer server_;
};

Reply Part(std::string body, std::string_view content_range) {
  return {.status = 206,
          .headers = {{"Content-Range", std::string(content_range)}, kModified},
          .body = std::move(body)};
}

TEST_F(S3StorageTest, AsksForAWholeObjectSoThatItsLengthIsToldTwice) {
  AnswerWith({Part("hello", "bytes 0-4/5")});
  EXPECT_EQ(Open().Get("a/b"), base::ToBytes("hello"));
  EXPECT_THAT(asked(), ElementsAre("GET /bucket/pre/a/b bytes=0-"));
}

TEST_F(S3StorageTest, TriesAgainWhenABodyWasCutAndItsLengthChangedToFit) {
  AnswerWith({Part("hel", "bytes 0-4/5"), Part("hello", "bytes 0-4/5")});
  EXPECT_EQ(Open().Get("a"), base::ToBytes("hello"));
  EXPECT_EQ(asked().size(), 2U);
}

TEST_F(S3StorageTest, RefusesAnotherPartThanItAskedFor) {
  for (const char* range :
       {"bytes 1-5/9", "bytes 0-4/4", "bytes 0-9/10", "bytes 0-4/*", "0-4/5", ""}) {
    AnswerWith({Part("hello", range)});
    EXPECT_EQ(ThrownBy([&] { Open().GetRange("a", 0, 5); }).kind(), ErrorKind::kUnavailable)
        << range;
  }
}

TEST_F(S3StorageTest, CutsForAStoreThatKnowsNoRanges) {
  AnswerWith({{.status = 200, .body = "0123456789"}});
  EXPECT_EQ(Open().GetRange("a", 3, 4), base::ToBytes("3456"));
  EXPECT_EQ(Open().GetRange("a", 8, 4), base::ToBytes("89"));
  EXPECT_EQ(Open().GetRange("a", 11, 4), base::Bytes());
  EXPECT_EQ(Open().Get("a"), base::ToBytes("0123456789"));
}

TEST_F(S3StorageTest, TakesNothingForAbsentButWhatTheStoreCallsSo) {
  AnswerWith({kNoSuchKey});
  EXPECT_EQ(Open().Get("a"), std::nullopt);
  AnswerWith({Refusal(404, "NoSuchBucket")});
  EXPECT_EQ(ThrownBy([&] { Open().Get("a"); }).kind(), ErrorKind::kNotFound);
  AnswerWith({{.status = 404, .body = "<html>no such page</html>"}});
  EXPECT_EQ(ThrownBy([&] { Open().Get("a"); }).kind(), ErrorKind::kUnavailable);
  AnswerWith({{.status = 404}});
  EXPECT_EQ(ThrownBy([&] { Open().Get("a"); }).kind(), ErrorKind::kUnavailable);
  AnswerWith({Refusal(403, "AccessDenied")});
  EXPECT_EQ(ThrownBy([&] { Open().Get("a"); }).kind(), ErrorKind::kDenied);
}

TEST_F(S3StorageTest, AsksAgainForTheReasonWhenAStatFails) {
  answer_ = [](const Received& request) {
    return request.method == "HEAD" ? Reply{.status = 404} : Refusal(404, "NoSuchBucket");
  };
  EXPECT_EQ(ThrownBy([&] { Open().Stat("a"); }).kind(), ErrorKind::kNotFound);
  EXPECT_THAT(asked(), ElementsAre("HEAD /bucket/pre/a", "GET /bucket/pre/a bytes=0-0"));
  answer_ = [](const Received& request) {
    return request.method == "HEAD" ? Reply{.status = 404} : kNoSuchKey;
  };
  EXPECT_FALSE(Open().Stat("a"));
  // The object came into being between the two.
  answer_ = [](const Received& request) {
    return request.method == "HEAD" ? Reply{.status = 404} : Part("x", "bytes 0-0/77");
  };
  EXPECT_EQ(Open().Stat("a")->size, 77U);
}

TEST_F(S3StorageTest, RepeatsWhatMayPassAndNothingElse) {
  AnswerWith({Refusal(503, "SlowDown"),
              Refusal(500, "InternalError"),
              {.drop = true},
              {.status = 206, .body = "hello", .cut_after = 2},
              {.status = 429},
              Part("hello", "bytes 0-4/5")});
  EXPECT_EQ(Open().Get("a"), base::ToBytes("hello"));
  EXPECT_EQ(asked().size(), 6U);
  AnswerWith({Refusal(403, "SignatureDoesNotMatch")});
  EXPECT_THAT(ThrownBy([&] { Open().Get("a"); }).message(),
              HasSubstr("s3://bucket/pre/a: the secret does not fit the access key AKIA1"));
  EXPECT_EQ(asked().size(), 7U);
}

// --- putting

// Keeps objects as a store does that honours, or ignores, If-None-Match.
struct SmallStore {
  bool honours = true;
  std::map<std::string, std::pair<std::string, std::string>> objects;  // body, mark

  Reply operator()(const Received& request) {
    const auto found = objects.find(request.target);
    if (request.method == "PUT") {
      if (honours && found != objects.end()) return Refusal(412, "PreconditionFailed");
      const std::string* mark = http::Find(request.headers, "x-amz-meta-holdfast-put");
      objects[request.target] = {request.body, mark == nullptr ? "" : *mark};
      return {};
    }
    if (request.method == "DELETE") {
      objects.erase(request.target);
      return {.status = 204};
    }
    if (found == objects.end()) return kNoSuchKey;
    const auto& [body, mark] = found->second;
    return {.headers = {{"x-amz-meta-holdfast-put", mark}, kModified}, .body = body};
  }
};

TEST_F(S3StorageTest, LearnsFromItsFirstObjectWhatAStoreDoesWithASecondPut) {
  for (const bool honours : {true, false}) {
    answer_ = SmallStore{.honours = honours, .objects = {}};
    S3Storage& storage = Open();
    EXPECT_FALSE(storage.traits().atomic_put_if_absent);
    EXPECT_EQ(storage.Put("a", base::AsBytes("x")), PutOutcome::kStored);
    EXPECT_EQ(storage.traits().atomic_put_if_absent, honours);
    EXPECT_EQ(storage.Put("a", base::AsBytes("y")), PutOutcome::kAlreadyThere);
    EXPECT_EQ(storage.Get("a"), base::ToBytes("x"));
  }
}

TEST_F(S3StorageTest, SendsNoMoreThanThePutOnceItKnows) {
  answer_ = SmallStore{};
  S3Storage& storage = Open();
  ASSERT_EQ(storage.Put("a", {}), PutOutcome::kStored);
  const std::size_t before = asked().size();
  ASSERT_EQ(storage.Put("b", {}), PutOutcome::kStored);
  EXPECT_EQ(asked().size(), before + 1);
  EXPECT_EQ(*http::Find(server_.requests().back().headers, "If-None-Match"), "*");
}

TEST_F(S3StorageTest, KnowsItsOwnPutWhenItWasCarriedOutTwice) {
  // Applied, then an error; or applied twice by the network.
  for (const bool error : {true, false}) {
    auto store = std::make_shared<SmallStore>();
    answer_ = [store](const Received& request) { return (*store)(request); };
    S3Storage& storage = Open();
    ASSERT_EQ(storage.Put("first", {}), PutOutcome::kStored);
    answer_ = [=, puts = 0](const Received& request) mutable {
      const Reply reply = (*store)(request);
      if (request.method != "PUT" || ++puts > 1) return reply;
      return error ? Refusal(500, "InternalError") : (*store)(request);
    };
    EXPECT_EQ(storage.Put("a", base::AsBytes("same")), PutOutcome::kStored) << error;
    EXPECT_EQ(storage.Put("a", base::AsBytes("same")), PutOutcome::kAlreadyThere);
  }
}

TEST_F(S3StorageTest, DoesNotTakeThePutOfAnotherForItsOwn) {
  auto store = std::make_shared<SmallStore>();
  answer_ = [store](const Received& request) { return (*store)(request); };
  S3Storage& storage = Open();
  ASSERT_EQ(storage.Put("first", {}), PutOutcome::kStored);
  answer_ = [=, puts = 0](const Received& request) mutable {
    if (request.method == "PUT" && ++puts == 1) {
      store->objects[request.target] = {"same", "another's mark"};
      return Refusal(500, "InternalError");
    }
    return (*store)(request);
  };
  EXPECT_EQ(storage.Put("a", base::AsBytes("same")), PutOutcome::kAlreadyThere);
}

TEST_F(S3StorageTest, PutsWithCredentialsThatMayOnlyAdd) {
  answer_ = [store = SmallStore{}](const Received& request) mutable {
    return request.method == "PUT" ? store(request) : Refusal(403, "AccessDenied");
  };
  S3Storage& storage = Open();
  EXPECT_EQ(storage.Put("a", base::AsBytes("x")), PutOutcome::kStored);
  EXPECT_EQ(storage.Put("a", base::AsBytes("x")), PutOutcome::kAlreadyThere);
  EXPECT_TRUE(storage.traits().atomic_put_if_absent);
}

TEST_F(S3StorageTest, DoesWithoutTheConditionWhereAStoreDoesNotKnowIt) {
  answer_ = [store = SmallStore{.honours = false, .objects = {}}](const Received& request) mutable {
    const bool conditional = http::Find(request.headers, "If-None-Match") != nullptr;
    return conditional ? Refusal(501, "NotImplemented") : store(request);
  };
  S3Storage& storage = Open();
  EXPECT_EQ(storage.Put("a", base::AsBytes("x")), PutOutcome::kStored);
  EXPECT_EQ(storage.Put("a", base::AsBytes("y")), PutOutcome::kAlreadyThere);
  EXPECT_EQ(storage.Get("a"), base::ToBytes("x"));
}

TEST_F(S3StorageTest, SendsTheChecksumThatAStoreAsksFor) {
  answer_ = [store = SmallStore{}](const Received& request) mutable {
    const bool given = http::Find(request.headers, "Content-MD5") != nullptr;
    if (request.method != "PUT" || given) return store(request);
    return Refusal(400, "InvalidRequest", "<Message>Content-MD5 is required</Message>");
  };
  EXPECT_EQ(Open().Put("a", base::AsBytes("abc")), PutOutcome::kStored);
  EXPECT_EQ(*http::Find(server_.requests().back().headers, "Content-MD5"),
            "kAFQmDzST7DWlj99KOF/cg==");
  EXPECT_EQ(
      ThrownBy([&] {
        static_cast<void>(Open({.checksum = S3Checksum::kNone}).Put("b", base::AsBytes("abc")));
      }).kind(),
      ErrorKind::kDenied);
}

TEST_F(S3StorageTest, AsksForClassEncryptionAndLockAsSet) {
  answer_ = SmallStore{};
  S3Storage& storage = Open({.storage_class = "STANDARD_IA",
                             .server_side_encryption = "aws:kms",
                             .kms_key_id = "key/1",
                             .object_lock_mode = "COMPLIANCE",
                             .object_lock_days = 30,
                             .unlocked = {"leases/"},
                             .checksum = S3Checksum::kAuto});
  const auto headers = [&](const std::string& name, std::size_t size) {
    EXPECT_EQ(storage.Put(name, base::Bytes(size)), PutOutcome::kStored);
    for (const Received& request : server_.requests()) {
      if (request.method == "PUT" && request.target.ends_with(name)) return request.headers;
    }
    return Headers();
  };
  const Headers large = headers("packs/large", 128 * 1024);
  EXPECT_EQ(*http::Find(large, "x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(*http::Find(large, "x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(*http::Find(large, "x-amz-server-side-encryption-aws-kms-key-id"), "key/1");
  EXPECT_EQ(*http::Find(large, "x-amz-object-lock-mode"), "COMPLIANCE");
  // The clock began at 2027-01-15T08:00:00Z.
  EXPECT_EQ(*http::Find(large, "x-amz-object-lock-retain-until-date"), "2027-02-14T08:00:00Z");
  EXPECT_NE(http::Find(large, "Content-MD5"), nullptr);  // which locks insist on
  const Headers small = headers("packs/small", 128 * 1024 - 1);
  EXPECT_EQ(http::Find(small, "x-amz-storage-class"), nullptr);
  const Headers lease = headers("leases/1", 10);
  EXPECT_EQ(http::Find(lease, "x-amz-object-lock-mode"), nullptr);
  EXPECT_EQ(http::Find(lease, "Content-MD5"), nullptr);
}

TEST_F(S3StorageTest, RemovesWithCredentialsThatMayNotLook) {
  answer_ = [](const Received& request) {
    return request.method == "DELETE" ? Reply{.status = 204} : Refusal(403, "AccessDenied");
  };
  EXPECT_EQ(Open().Remove("a"), RemoveOutcome::kRemoved);
}

TEST_F(S3StorageTest, KnowsItsOwnRemoveWhenItsAnswerWasLost) {
  auto store = std::make_shared<SmallStore>();
  answer_ = [store](const Received& request) { return (*store)(request); };
  S3Storage& storage = Open();
  ASSERT_EQ(storage.Put("a", {}), PutOutcome::kStored);
  answer_ = [=, lost = false](const Received& request) mutable {
    const Reply reply = (*store)(request);
    return request.method == "DELETE" && !std::exchange(lost, true) ? Reply{.drop = true} : reply;
  };
  EXPECT_EQ(storage.Remove("a"), RemoveOutcome::kRemoved);
  EXPECT_EQ(storage.Remove("a"), RemoveOutcome::kWasAbsent);
}

// --- where and who

TEST_F(S3StorageTest, FollowsTheRegionAndRemembersIt) {
  answer_ = [](const Received& request) {
    const std::string& signature = *http::Find(request.headers, "Authorization");
    if (signature.find("/eu-west-1/s3/") == std::string::npos) {
      return Refusal(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>");
    }
    return Part("x", "bytes 0-0/1");
  };
  S3Storage& storage = Open();
  EXPECT_EQ(storage.Get("a"), base::ToBytes("x"));
  EXPECT_EQ(storage.Get("a"), base::ToBytes("x"));
  EXPECT_EQ(asked().size(), 3U);
  EXPECT_EQ(storage.client().region(), "eu-west-1");
}

TEST_F(S3StorageTest, DoesNotGoInCirclesAfterRegions) {
  answer_ = [at = 0](const Received&) mutable {
    return Refusal(301, "PermanentRedirect", fmt::format("<Region>r-{}</Region>", ++at));
  };
  EXPECT_EQ(ThrownBy([&] { Open().Get("a"); }).kind(), ErrorKind::kUsage);
  EXPECT_EQ(asked().size(), 4U);
}

TEST_F(S3StorageTest, ChangesToVirtualHostsWhenPathsAreRefused) {
  answer_ = [](const Received& request) {
    const bool by_path = request.target.starts_with("/bucket/");
    return by_path ? Refusal(403, "SecondLevelDomainForbidden") : Part("x", "bytes 0-0/1");
  };
  // bucket.127.0.0.1 is no name: what matters is that it was asked for.
  EXPECT_THAT(ThrownBy([&] { Open().Get("a"); }).message(), HasSubstr("bucket.127.0.0.1"));
  // Not against what was set.
  EXPECT_EQ(ThrownBy([&] { Open({}, AddressStyle::kPath).Get("a"); }).kind(), ErrorKind::kDenied);
}

TEST_F(S3StorageTest, GetsNewCredentialsWhenTheStoreTakesThemForExpired) {
  credentials_.session_token = "old";
  answer_ = [this](const Received& request) {
    if (*http::Find(request.headers, "x-amz-security-token") != "old") {
      return Part("x", "bytes 0-0/1");
    }
    credentials_.session_token = "new";
    return Refusal(400, "ExpiredToken");
  };
  EXPECT_EQ(Open().Get("a"), base::ToBytes("x"));
  AnswerWith({Refusal(400, "ExpiredToken")});
  EXPECT_EQ(ThrownBy([&] { Open().Get("a"); }).kind(), ErrorKind::kDenied);
}

TEST_F(S3StorageTest, TellsTheStoresTimeAlsoToThoseWhoMayNotLook) {
  for (const int status : {200, 403}) {
    AnswerWith({{.status = status, .headers = {{"Date", "Sat, 21 Nov 2026 07:00:03 GMT"}}}});
    EXPECT_EQ(Open().StoreTime(), base::Time(std::chrono::seconds(1'795'244'403)));
  }
  AnswerWith({Refusal(404, "NoSuchBucket")});
  EXPECT_EQ(ThrownBy([&] { Open().StoreTime(); }).kind(), ErrorKind::kNotFound);
  AnswerWith({{.status = 200}});
  EXPECT_EQ(ThrownBy([&] { Open().StoreTime(); }).kind(), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace holdfast::storage
