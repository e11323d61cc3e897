#include "storage/aws_sources.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "base/time_text.h"
#include "http/testing/local_server.h"
#include "storage/aws_profile_source.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using http::Received;
using http::Reply;
using std::chrono::hours;
using std::chrono::minutes;
using testing::HasSubstr;

class AwsSources : public testing::Test {
 protected:
  AwsSources() : server_([this](const Received& request) { return answer_(request); }) {
    options_.environment = {{"HOME", directory_.path()}, {"AWS_EC2_METADATA_DISABLED", "true"}};
  }

  std::string Write(const std::string& name, std::string_view text) {
    const base::Path path = directory_.path() / name;
    base::MakeDirectories(path.parent_path());
    base::WriteFileDurably(path, base::AsBytes(text));
    return path;
  }
  void Set(const std::string& variable, const std::string& value) {
    options_.environment[variable] = value;
  }

  AwsCredentialChain Chain() {
    return {AwsCredentialSources(options_, std::make_shared<http::Client>(), clock_), clock_};
  }
  AwsCredentials Get() { return Chain().Get(); }
  base::Error Refusal() {
    try {
      Get();
    } catch (const base::Error& error) {
      return error;
    }
    return {ErrorKind::kInternal, "there were credentials"};
  }

  std::string In(base::Duration duration) const {
    return base::FormatRfc3339(clock_.Now() + duration);
  }

  TemporaryDirectory directory_;
  base::ManualClock clock_;
  AwsCredentialOptions options_;
  std::function<Reply(const Received&)> answer_ = [](const Received&) {
    return Reply{.status = 404};
  };
  http::LocalServer server_;
};

TEST_F(AwsSources, SettingsComeFirstAsTextOrFromFiles) {
  Set("AWS_ACCESS_KEY_ID", "env");
  Set("AWS_SECRET_ACCESS_KEY", "env");
  options_.access_key_id = "set";
  options_.secret_access_key_file = Write("secret", " from file\n");
  EXPECT_EQ(Get().access_key_id, "set");
  EXPECT_EQ(Get().secret_access_key, "from file");
}

TEST_F(AwsSources, HalfAKeyIsAMistakeThatNoOtherPlaceHides) {
  Set("AWS_ACCESS_KEY_ID", "env");
  EXPECT_THAT(Refusal().message(), HasSubstr("AWS_ACCESS_KEY_ID is set without"));
  Set("AWS_SECRET_ACCESS_KEY", "env");
  options_.secret_access_key = "set";
  EXPECT_THAT(Refusal().message(), HasSubstr("secret_access_key is set without access_key_id"));
  EXPECT_EQ(Refusal().kind(), ErrorKind::kUsage);
}

TEST_F(AwsSources, TheEnvironmentMayNameFiles) {
  Set("AWS_ACCESS_KEY_ID", "env");
  Set("AWS_SECRET_ACCESS_KEY_FILE", Write("secret", "s\n"));
  Set("AWS_SESSION_TOKEN", "t");
  EXPECT_EQ(Get().secret_access_key, "s");
  EXPECT_EQ(Get().session_token, "t");
  Set("AWS_SECRET_ACCESS_KEY_FILE", "/nonexistent/secret");
  EXPECT_EQ(Refusal().kind(), ErrorKind::kNotFound);
}

TEST_F(AwsSources, NamesThePlacesWhenThereIsNothing) {
  const base::Error error = Refusal();
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  for (const char* place : {"settings", "environment", "profile", "container", "metadata"}) {
    EXPECT_THAT(error.message(), HasSubstr(place));
  }
  EXPECT_FALSE(error.hints().empty());
}

TEST_F(AwsSources, ReadsTheProfileThatWasAskedFor) {
  Write(".aws/credentials",
        "# keys\n[default]\naws_access_key_id = d\naws_secret_access_key=ds ; the old one\n"
        "[ work ]\r\naws_access_key_id = w\r\naws_secret_access_key = w#s\r\n");
  Write(".aws/config",
        "[default]\nregion = eu-west-1\n[profile work]\nregion = eu-north-1\n"
        "s3 =\n  region = nested\n");
  EXPECT_EQ(Get().access_key_id, "d");
  EXPECT_EQ(Get().secret_access_key, "ds");
  EXPECT_EQ(AwsProfileRegion(options_), "eu-west-1");
  Set("AWS_PROFILE", "work");
  EXPECT_EQ(Get().secret_access_key, "w#s");
  EXPECT_EQ(AwsProfileRegion(options_), "eu-north-1");
  Set("AWS_PROFILE", "wrok");
  EXPECT_THAT(Refusal().message(), HasSubstr("no profile wrok"));
  // A profile of the settings is meant more than keys of the environment.
  Set("AWS_ACCESS_KEY_ID", "env");
  Set("AWS_SECRET_ACCESS_KEY", "env");
  EXPECT_EQ(Get().access_key_id, "env");
  options_.profile = "work";
  EXPECT_EQ(Get().access_key_id, "w");
  options_.credentials_file =
      Write("others", "[work]\naws_access_key_id=o\naws_secret_access_key=x");
  EXPECT_EQ(Get().access_key_id, "o");
}

TEST_F(AwsSources, SaysWhatAProfileWantsThatItDoesNotDo) {
  Write(".aws/config",
        "[profile a]\ncredential_process = /bin/x\n"
        "[profile b]\nrole_arn = r\nsource_profile = c\n"
        "[profile c]\nrole_arn = r\nsource_profile = b\n");
  options_.profile = "a";
  EXPECT_THAT(Refusal().message(), HasSubstr("credential_process"));
  options_.profile = "b";
  EXPECT_THAT(Refusal().message(), HasSubstr("source_profile"));
  Write(".aws/config", "[profile b\n");
  EXPECT_THAT(Refusal().message(), HasSubstr("has no end"));
}

std::string RoleAnswer(const std::string& action, const std::string& expires) {
  return fmt::format(
      "<{0}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{0}Result><Credentials>"
      "<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>rs</SecretAccessKey>"
      "<SessionToken>rt</SessionToken><Expiration>{1}</Expiration></Credentials></{0}Result>"
      "</{0}Response>",
      action, expires);
}

TEST_F(AwsSources, TakesARoleByATokenAndReadsItAnewEachTime) {
  Set("AWS_ENDPOINT_URL_STS", server_.url());
  Set("AWS_ROLE_ARN", "arn:aws:iam::1:role/backup");
  Set("AWS_WEB_IDENTITY_TOKEN_FILE", Write("token", "first\n"));
  answer_ = [this](const Received&) {
    return Reply{.body = RoleAnswer("AssumeRoleWithWebIdentity", In(hours(1)))};
  };
  AwsCredentialChain chain = Chain();
  EXPECT_EQ(chain.Get().access_key_id, "ASIA");
  EXPECT_EQ(chain.Get().session_token, "rt");
  ASSERT_EQ(server_.requests().size(), 1U);
  EXPECT_THAT(server_.requests()[0].body,
              testing::AllOf(HasSubstr("Action=AssumeRoleWithWebIdentity"),
                             HasSubstr("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fbackup"),
                             HasSubstr("WebIdentityToken=first")));
  Write("token", "second");
  clock_.Advance(minutes(56));
  chain.Get();
  ASSERT_EQ(server_.requests().size(), 2U);
  EXPECT_THAT(server_.requests()[1].body, HasSubstr("WebIdentityToken=second"));
}

TEST_F(AwsSources, TakesARoleByTheKeysOfAnotherProfile) {
  Set("AWS_ENDPOINT_URL_STS", server_.url());
  Write(".aws/credentials", "[base]\naws_access_key_id=AKIABASE\naws_secret_access_key=x\n");
  Write(".aws/config",
        "[profile backup]\nrole_arn = arn:r\nsource_profile = base\n"
        "external_id = e1\nregion = eu-west-1\n");
  options_.profile = "backup";
  answer_ = [this](const Received&) {
    return Reply{.body = RoleAnswer("AssumeRole", In(hours(1)))};
  };
  EXPECT_EQ(Get().access_key_id, "ASIA");
  const Received request = server_.requests().at(0);
  EXPECT_THAT(request.body, HasSubstr("ExternalId=e1"));
  EXPECT_THAT(*http::Find(request.headers, "Authorization"),
              testing::AllOf(HasSubstr("Credential=AKIABASE/"), HasSubstr("/sts/aws4_request")));
}

TEST_F(AwsSources, SaysThatARoleIsRefused) {
  Set("AWS_ENDPOINT_URL_STS", server_.url());
  Set("AWS_ROLE_ARN", "arn:r");
  Set("AWS_WEB_IDENTITY_TOKEN_FILE", Write("token", "t"));
  answer_ = [](const Received&) {
    return Reply{.status = 403,
                 .body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"};
  };
  EXPECT_EQ(Refusal().kind(), ErrorKind::kDenied);
  EXPECT_THAT(Refusal().message(), HasSubstr("the role arn:r: access is denied"));
  answer_ = [](const Received&) { return Reply{.body = "<html/>"}; };
  EXPECT_EQ(Refusal().kind(), ErrorKind::kUnavailable);
}

std::string KeysJson(const std::string& id, const std::string& expires) {
  return fmt::format(
      R"({{"Code":"Success","AccessKeyId":"{}","SecretAccessKey":"s","Token":"t","Expiration":"{}"}})",
      id, expires);
}

TEST_F(AwsSources, AsksTheContainersEndpoint) {
  Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server_.url() + "/creds");
  Set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Write("auth", "Bearer x\n"));
  answer_ = [this](const Received& request) {
    const std::string* authorization = http::Find(request.headers, "Authorization");
    if (authorization == nullptr || *authorization != "Bearer x") return Reply{.status = 401};
    return Reply{.body = KeysJson("pod", In(hours(1)))};
  };
  EXPECT_EQ(Get().access_key_id, "pod");
  EXPECT_EQ(Get().expires, clock_.Now() + hours(1));
  Set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Write("auth", "Bearer y"));
  EXPECT_EQ(Refusal().kind(), ErrorKind::kDenied);
  for (const char* far :
       {"http://example.com/", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/"}) {
    Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", far);
    EXPECT_EQ(Refusal().kind(), ErrorKind::kUsage) << far;
  }
}

TEST_F(AwsSources, AsksTheMetadataServiceOfItsMachine) {
  Set("AWS_EC2_METADATA_DISABLED", "");
  Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_.url() + "/");
  answer_ = [this](const Received& request) -> Reply {
    if (request.target == "/latest/api/token") {
      const bool asked = request.method == "PUT" &&
                         http::Find(request.headers, "X-aws-ec2-metadata-token-ttl-seconds");
      return asked ? Reply{.body = "session"} : Reply{.status = 400};
    }
    const std::string* token = http::Find(request.headers, "X-aws-ec2-metadata-token");
    if (token == nullptr || *token != "session") return {.status = 401};
    const std::string path = "/latest/meta-data/iam/security-credentials/";
    if (request.target == path) return {.body = "backup-role\n"};
    if (request.target == path + "backup-role") return {.body = KeysJson("ec2", In(hours(6)))};
    return {.status = 404};
  };
  EXPECT_EQ(Get().access_key_id, "ec2");
  // No role; then no service at all.
  answer_ = [](const Received& request) {
    return request.method == "PUT" ? Reply{.body = "session"} : Reply{.status = 404};
  };
  EXPECT_EQ(Refusal().kind(), ErrorKind::kUsage);
  answer_ = [](const Received&) { return Reply{.drop = true}; };
  EXPECT_EQ(Refusal().kind(), ErrorKind::kUsage);
}

// --- keeping them fresh

class AwsCredentialChainTest : public testing::Test {
 protected:
  // Each fetch gives another id, good for an hour.
  std::optional<AwsCredentials> Fetch() {
    ++fetches_;
    if (fails_) throw base::Error(ErrorKind::kUnavailable, "no");
    return AwsCredentials{.access_key_id = std::to_string(fetches_),
                          .secret_access_key = "s",
                          .expires = clock_.Now() + hours(1)};
  }

  base::ManualClock clock_;
  std::atomic<int> fetches_ = 0;
  bool fails_ = false;
  AwsCredentialChain chain_{
      {{"nowhere", [] { return std::nullopt; }}, {"test", [this] { return Fetch(); }}}, clock_};
};

TEST_F(AwsCredentialChainTest, AsksAgainBeforeTheyExpire) {
  EXPECT_EQ(chain_.Get().access_key_id, "1");
  clock_.Advance(minutes(54));
  EXPECT_EQ(chain_.Get().access_key_id, "1");
  clock_.Advance(minutes(2));
  EXPECT_EQ(chain_.Get().access_key_id, "2");
}

TEST_F(AwsCredentialChainTest, GoesOnWithTheOldOnesWhileTheyAreGoodAndNoNewOnesCanBeHad) {
  ASSERT_EQ(chain_.Get().access_key_id, "1");
  clock_.Advance(minutes(56));
  fails_ = true;
  EXPECT_EQ(chain_.Get().access_key_id, "1");
  EXPECT_EQ(chain_.Get().access_key_id, "1");
  EXPECT_EQ(fetches_, 2);  // not with every request
  clock_.Advance(minutes(1));
  fails_ = false;
  EXPECT_EQ(chain_.Get().access_key_id, "3");
  clock_.Advance(hours(2));
  fails_ = true;
  EXPECT_THROW(chain_.Get(), base::Error);
}

TEST_F(AwsCredentialChainTest, FetchesOnceForManyThreads) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] { EXPECT_EQ(chain_.Get().access_key_id, "1"); });
  }
  threads.clear();
  EXPECT_EQ(fetches_, 1);
}

TEST_F(AwsCredentialChainTest, RenewsWhatWasRefusedOnceForAll) {
  const AwsCredentials refused = chain_.Get();
  EXPECT_TRUE(chain_.Renew(refused));
  EXPECT_TRUE(chain_.Renew(refused));  // another thread, that was refused the same
  EXPECT_EQ(fetches_, 2);
  EXPECT_EQ(chain_.Get().access_key_id, "2");
}

}  // namespace
}  // namespace holdfast::storage
