#include "storage/aws_signature.h"

#include <gtest/gtest.h>

#include "base/time_text.h"
#include "storage/aws_digest.h"

namespace holdfast::storage {
namespace {

// The examples that Amazon publishes for Signature Version 4 of S3.
struct Example {
  std::string name;
  ToBeSigned request;
  std::string body;
  std::string signature;
};

class AmazonsExamples : public testing::TestWithParam<Example> {};

TEST_P(AmazonsExamples, AreSignedAsPublished) {
  const SigningKey key{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                       .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                       .region = "us-east-1"};
  ToBeSigned request = GetParam().request;
  const std::string digest = base::ToHex(Sha256(base::AsBytes(GetParam().body)));
  request.payload_sha256 = digest;
  request.time = base::ParseTime("2013-05-24T00:00:00Z", "UTC");
  request.headers.push_back({"Host", "examplebucket.s3.amazonaws.com"});
  request.headers.push_back({"X-Amz-Date", AmzDate(request.time)});
  request.headers.push_back({"x-amz-content-sha256", digest});
  const std::string header = Sign(key, request);
  EXPECT_TRUE(
      header.starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/"
                         "us-east-1/s3/aws4_request,SignedHeaders="))
      << header;
  EXPECT_TRUE(header.ends_with(",Signature=" + GetParam().signature)) << header;
}

INSTANTIATE_TEST_SUITE_P(
    All, AmazonsExamples,
    testing::Values(
        Example{.name = "GetObject",
                .request = {.method = "GET",
                            .path = "/test.txt",
                            .headers = {{"Range", "bytes=0-9"}},
                            .payload_sha256 = {}},
                .body = "",
                .signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        Example{.name = "PutObject",
                .request = {.method = "PUT",
                            .path = "/test%24file.text",
                            .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                        {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                            .payload_sha256 = {}},
                .body = "Welcome to Amazon S3.",
                .signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        Example{.name = "GetBucketLifecycle",
                .request = {.method = "GET",
                            .path = "/",
                            .query = {{"lifecycle", ""}},
                            .payload_sha256 = {}},
                .body = "",
                .signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        Example{.name = "ListObjects",
                .request = {.method = "GET",
                            .path = "/",
                            .query = {{"prefix", "J"}, {"max-keys", "2"}},
                            .payload_sha256 = {}},
                .body = "",
                .signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}),
    [](const auto& example) { return example.param.name; });

TEST(UriEncode, EncodesAllButUnreservedCharacters) {
  EXPECT_EQ(UriEncode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(UriEncode("a b+c/d%*'()="), "a%20b%2Bc%2Fd%25%2A%27%28%29%3D");
  EXPECT_EQ(UriEncode("a/b c", true), "a/b%20c");
  EXPECT_EQ(UriEncode("\xe3\x81\x82"), "%E3%81%82");
}

TEST(QueryText, IsSortedByTheEncodedNames) {
  EXPECT_EQ(QueryText({{"prefix", "a/"}, {"list-type", "2"}, {"delimiter", ""}}),
            "delimiter=&list-type=2&prefix=a%2F");
  EXPECT_EQ(QueryText({}), "");
}

TEST(Digests, AreThoseOfTheStandards) {
  EXPECT_EQ(base::ToHex(Sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(base::ToHex(Md5(base::AsBytes("abc"))), "900150983cd24fb0d6963f7d28e17f72");
  // RFC 4231, test case 2.
  EXPECT_EQ(base::ToHex(HmacSha256(base::AsBytes("Jefe"), "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace holdfast::storage
