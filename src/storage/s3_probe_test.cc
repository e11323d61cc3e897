#include "storage/s3_probe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "http/testing/local_server.h"
#include "storage/aws_digest.h"
#include "storage/s3_bucket_rules.h"

namespace holdfast::storage {
namespace {

using http::Received;
using http::Reply;
using testing::HasSubstr;
using Grade = StoreFinding::Grade;

Reply Refusal(int status, std::string_view code) {
  return {.status = status, .body = fmt::format("<Error><Code>{}</Code></Error>", code)};
}

// A store that does all it should, but for what is switched off.
struct Store {
  bool honours_condition = true;
  bool knows_condition = true;
  bool sorts = true;
  bool lists = true;
  bool knows_ranges = true;
  bool compares = true;
  bool removes = true;
  std::string denied{};  // a method
  std::string lifecycle = "<LifecycleConfiguration/>";
  std::string date{};  // of an answer about the bucket
  std::map<std::string, std::string> objects{};

  static std::string KeyOf(const Received& request) {
    const std::string path = request.target.substr(0, request.target.find('?'));
    return path.substr(std::string_view("/bucket/").size());
  }

  Reply List(const std::string& target) const {
    const auto at = target.find("continuation-token=");
    const std::size_t begin = at == std::string::npos ? 0 : 2;
    std::vector<std::string> keys;
    for (const auto& [key, body] : objects) keys.push_back(key);
    if (!sorts) std::swap(keys.at(0), keys.at(1));  // as folders are walked
    if (!lists) keys.pop_back();
    const bool more = keys.size() > begin + 2;
    std::string xml = fmt::format("<ListBucketResult><IsTruncated>{}</IsTruncated>", more);
    if (more) xml += "<NextContinuationToken>2</NextContinuationToken>";
    for (std::size_t i = begin; i < std::min(begin + 2, keys.size()); ++i) {
      xml += fmt::format(
          "<Contents><Key>{}</Key><Size>10</Size><LastModified>2026-11-21T07:00:03Z"
          "</LastModified></Contents>",
          keys[i]);
    }
    return {.body = xml + "</ListBucketResult>"};
  }

  Reply Put(const std::string& key, const Received& request) {
    const bool conditional = http::Find(request.headers, "If-None-Match") != nullptr;
    if (conditional && !knows_condition) return Refusal(501, "NotImplemented");
    const std::string digest = base::ToHex(Sha256(base::AsBytes(request.body)));
    if (compares && *http::Find(request.headers, "x-amz-content-sha256") != digest)
      return Refusal(400, "XAmzContentSHA256Mismatch");
    if (conditional && honours_condition && objects.contains(key))
      return Refusal(412, "PreconditionFailed");
    objects[key] = request.body;
    return {};
  }

  Reply Get(const std::string& key, const Received& request) const {
    const auto found = objects.find(key);
    if (found == objects.end()) return Refusal(404, "NoSuchKey");
    if (!knows_ranges || http::Find(request.headers, "Range") == nullptr)
      return {.body = found->second};
    return {.status = 206,
            .headers = {{"Content-Range", "bytes 2-4/10"}},
            .body = found->second.substr(2, 3)};
  }

  Reply operator()(const Received& request) {
    const std::string key = KeyOf(request);
    if (request.method == denied && !key.empty()) return Refusal(403, "AccessDenied");
    if (request.method == "HEAD" && key.empty()) return {.headers = {{"Date", date}}};
    if (request.target.ends_with("?lifecycle=")) return {.body = lifecycle};
    if (request.target.ends_with("?versioning=")) return {.body = "<VersioningConfiguration/>"};
    if (request.target.find("list-type") != std::string::npos) {
      return denied == "LIST" ? Refusal(403, "AccessDenied") : List(request.target);
    }
    if (request.method == "PUT") return Put(key, request);
    if (request.method == "DELETE" && removes) objects.erase(key);
    if (request.method == "DELETE") return {.status = 204};
    return Get(key, request);
  }
};

class S3Probe : public testing::Test {
 protected:
  S3Probe() : server_([this](const Received& request) { return store_(request); }) {}

  std::map<std::string, StoreFinding> Run() {
    std::vector<AwsCredentialSource> keys;
    keys.push_back({"test", []() -> std::optional<AwsCredentials> {
                      return AwsCredentials{.access_key_id = "A", .secret_access_key = "b"};
                    }});
    storage_ = std::make_unique<S3Storage>(
        std::make_unique<S3Client>(S3ClientOptions{.location = ParseS3Url("s3://bucket/pre"),
                                                   .endpoint = ParseEndpoint(server_.url())},
                                   std::make_shared<http::Client>(),
                                   std::make_shared<AwsCredentialChain>(std::move(keys), clock_),
                                   clock_),
        S3StorageOptions{}, clock_);
    std::map<std::string, StoreFinding> findings;
    for (const StoreFinding& finding : ProbeS3(*storage_)) {
      EXPECT_FALSE(finding.words.empty());
      EXPECT_EQ(finding.hint.empty(),
                finding.grade == Grade::kGood || finding.grade == Grade::kWorthKnowing)
          << finding.name;
      findings[finding.name] = finding;
    }
    return findings;
  }

  base::ManualClock clock_;
  Store store_;
  http::LocalServer server_;
  std::unique_ptr<S3Storage> storage_;
};

TEST_F(S3Probe, FindsNothingWrongWithAGoodStoreAndLeavesNothing) {
  const auto findings = Run();
  EXPECT_EQ(findings.size(), 7U);
  for (const auto& [name, finding] : findings) EXPECT_EQ(finding.grade, Grade::kGood) << name;
  EXPECT_TRUE(store_.objects.empty());
  EXPECT_TRUE(storage_->traits().atomic_put_if_absent);
}

TEST_F(S3Probe, SaysWhatAStoreDoesNotDo) {
  store_ = {.honours_condition = false, .knows_ranges = false, .compares = false};
  const auto findings = Run();
  EXPECT_EQ(findings.at("put if absent").grade, Grade::kWorthKnowing);
  EXPECT_EQ(findings.at("parts of objects").grade, Grade::kAttention);
  EXPECT_EQ(findings.at("checksums").grade, Grade::kAttention);
  EXPECT_THAT(findings.at("checksums").hint, HasSubstr("https"));
  EXPECT_TRUE(store_.objects.empty());
  EXPECT_FALSE(storage_->traits().atomic_put_if_absent);
}

TEST_F(S3Probe, GetsAlongWithAStoreThatDoesNotKnowTheCondition) {
  store_.knows_condition = false;
  EXPECT_EQ(Run().at("put if absent").grade, Grade::kWorthKnowing);
  EXPECT_FALSE(storage_->traits().atomic_put_if_absent);
}

TEST_F(S3Probe, RefusesAStoreThatWouldLoseNames) {
  store_.sorts = false;
  EXPECT_EQ(Run().at("listing").grade, Grade::kUnfit);
  store_ = {.lists = false};
  EXPECT_EQ(Run().at("listing").grade, Grade::kUnfit);
  store_ = {.removes = false};
  EXPECT_EQ(Run().at("removing").grade, Grade::kUnfit);
}

TEST_F(S3Probe, GoesOnWhereSomethingMayNotBeDone) {
  store_.denied = "DELETE";
  EXPECT_EQ(Run().at("removing").grade, Grade::kAttention);
  store_ = {.denied = "GET"};
  EXPECT_EQ(Run().at("parts of objects").grade, Grade::kAttention);
  store_ = {.denied = "LIST"};
  EXPECT_EQ(Run().at("listing").grade, Grade::kAttention);
  store_ = {.denied = "PUT"};
  EXPECT_THROW(Run(), base::Error);
}

TEST_F(S3Probe, ReadsTheRulesOfTheBucket) {
  store_.lifecycle =
      "<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix>pre/"
      "</Prefix></Filter><Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>";
  const StoreFinding finding = Run().at("lifecycle rules");
  EXPECT_EQ(finding.grade, Grade::kUnfit);
  EXPECT_THAT(finding.words, HasSubstr("\"old\" deletes"));
  store_.lifecycle = "<Error/>";
  EXPECT_EQ(Run().at("lifecycle rules").grade, Grade::kAttention);
}

TEST_F(S3Probe, ClearsAwayWhatBrokenOffProbesLeftADayAgo) {
  ASSERT_FALSE(Run().empty());
  store_.objects = {{"pre/.probe-1/a", "x"}, {"pre/.probe-1/b", "x"}};
  store_.date = "Sun, 22 Nov 2026 07:00:02 GMT";  // they are of the day before, 07:00:03
  EXPECT_EQ(storage_->RemoveLeftovers(), 0U);
  EXPECT_EQ(store_.objects.size(), 2U);
  store_.date = "Sun, 22 Nov 2026 07:00:03 GMT";
  EXPECT_EQ(storage_->RemoveLeftovers(), 2U);
  EXPECT_TRUE(store_.objects.empty());
}

TEST(JudgeLifecycle, JudgesWhatCoversTheRepository) {
  const auto grade = [](const LifecycleRule& rule) {
    return JudgeLifecycle({rule}, "main/").grade;
  };
  EXPECT_EQ(grade({.name = "r", .prefix = "", .deletes = true}), Grade::kUnfit);
  EXPECT_EQ(grade({.name = "r", .prefix = "main/packs/", .deletes = true}), Grade::kUnfit);
  EXPECT_EQ(grade({.name = "r", .prefix = "logs/", .deletes = true}), Grade::kGood);
  EXPECT_EQ(grade({.name = "r", .prefix = "", .archives = true}), Grade::kAttention);
  EXPECT_EQ(grade({.name = "r", .prefix = "", .ends_versions = true}), Grade::kGood);
}

}  // namespace
}  // namespace holdfast::storage
