#include "storage/s3_url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::storage {
namespace {

template <typename Work>
base::ErrorKind KindThrownBy(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    EXPECT_FALSE(error.hints().empty());
    return error.kind();
  }
  return base::ErrorKind::kInternal;
}

TEST(S3Url, IsABucketAndPerhapsAPrefix) {
  EXPECT_EQ(ParseS3Url("s3://b").bucket, "b");
  EXPECT_EQ(ParseS3Url("s3://b").prefix, "");
  EXPECT_EQ(ParseS3Url("s3://b/").prefix, "");
  EXPECT_EQ(ParseS3Url("s3://b/main").prefix, "main/");
  EXPECT_EQ(ParseS3Url("s3://my.bucket_1-x/a/b.c/").prefix, "a/b.c/");
  EXPECT_EQ(ParseS3Url("s3://b/a/b/").ToText(), "s3://b/a/b");
  EXPECT_EQ(ParseS3Url("s3://b").ToText(), "s3://b");
}

TEST(S3Url, RefusesWhatCouldBeMisunderstood) {
  for (const char* url :
       {"s3:", "s3://", "s3:///x", "S3://b", "s3://key:secret@host/b", "s3://host:9000/b",
        "s3://b/a//b", "s3://b/.", "s3://b/../c", "s3://b/a b", "s3://b/a?x", "s3://b/%41",
        "s3://b/a#b", "s3://b/\xc3\xa4", "s3://b/a\\b", "s3://.b", "https://b.s3.amazonaws.com"}) {
    EXPECT_EQ(KindThrownBy([&] { ParseS3Url(url); }), base::ErrorKind::kUsage) << url;
  }
  EXPECT_EQ(KindThrownBy([] { ParseS3Url("s3://b/" + std::string(kMaxPrefixBytes + 1, 'x')); }),
            base::ErrorKind::kUsage);
}

TEST(S3Url, SaysThatKeysDoNotBelongIntoIt) {
  try {
    ParseS3Url("s3://key:topsecret@host/b");
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message().find("topsecret"), std::string::npos);
  }
}

TEST(S3Endpoint, IsAHostOrAUrl) {
  EXPECT_EQ(ParseEndpoint("minio.example:9000").host, "minio.example:9000");
  EXPECT_TRUE(ParseEndpoint("minio.example").tls);
  EXPECT_TRUE(ParseEndpoint("https://minio.example/").tls);
  EXPECT_FALSE(ParseEndpoint("http://127.0.0.1:9000").tls);
  EXPECT_EQ(ParseEndpoint("http://127.0.0.1:9000").host, "127.0.0.1:9000");
  EXPECT_EQ(ParseEndpoint("http://[::1]:9000/").host, "[::1]:9000");
  for (const char* text :
       {"ftp://x", "https://", "https://host/bucket", "host/bucket", "a b", "user:pw@host"}) {
    EXPECT_EQ(KindThrownBy([&] { ParseEndpoint(text); }), base::ErrorKind::kUsage) << text;
  }
}

TEST(S3Endpoint, KnowsAmazonsNames) {
  EXPECT_TRUE(ParseEndpoint("").amazon());
  EXPECT_TRUE(ParseEndpoint("s3.amazonaws.com").amazon());
  EXPECT_EQ(ParseEndpoint("https://s3.eu-west-1.amazonaws.com").region, "eu-west-1");
  EXPECT_TRUE(ParseEndpoint("s3-eu-west-1.amazonaws.com").amazon());
  EXPECT_EQ(ParseEndpoint("s3.cn-north-1.amazonaws.com.cn").region, "cn-north-1");
  for (const char* special : {"s3.dualstack.eu-west-1.amazonaws.com", "s3-accelerate.amazonaws.com",
                              "bucket.vpce-1-2.s3.eu-west-1.vpce.amazonaws.com"}) {
    EXPECT_EQ(ParseEndpoint(special).host, special);
  }
}

TEST(S3Endpoint, GuessesTheRegionByTheName) {
  EXPECT_EQ(ParseEndpoint("s3.us-west-004.backblazeb2.com").region, "us-west-004");
  EXPECT_EQ(ParseEndpoint("https://s3.fr-par.scw.cloud").region, "fr-par");
  EXPECT_EQ(ParseEndpoint("0123.r2.cloudflarestorage.com").region, "auto");
  EXPECT_EQ(ParseEndpoint("fsn1.your-objectstorage.com").region, "fsn1");
  for (const char* silent : {"minio.example.com", "s3.example.com", "localhost:9000", "10.0.0.1",
                             "s3.internal.example.com"}) {
    EXPECT_EQ(ParseEndpoint(silent).region, "") << silent;
  }
}

std::string UrlOf(const char* endpoint, const char* bucket, AddressStyle style) {
  const S3Address address = AddressOf(ParseEndpoint(endpoint), "eu-west-1", bucket, style);
  EXPECT_TRUE(address.origin.ends_with("//" + address.host));
  return address.origin + address.path_prefix;
}

TEST(S3Address, IsByPathOrByHost) {
  using enum AddressStyle;
  EXPECT_EQ(UrlOf("", "buck", kAuto), "https://buck.s3.eu-west-1.amazonaws.com/");
  EXPECT_EQ(UrlOf("", "buck", kPath), "https://s3.eu-west-1.amazonaws.com/buck/");
  EXPECT_EQ(UrlOf("", "with.dot", kAuto), "https://s3.eu-west-1.amazonaws.com/with.dot/");
  EXPECT_EQ(UrlOf("", "Upper", kAuto), "https://s3.eu-west-1.amazonaws.com/Upper/");
  EXPECT_EQ(UrlOf("http://10.0.0.1:9000", "buck", kAuto), "http://10.0.0.1:9000/buck/");
  EXPECT_EQ(UrlOf("minio.example", "buck", kVirtual), "https://buck.minio.example/");
  EXPECT_EQ(UrlOf("oss-eu-central-1.aliyuncs.com", "buck", kAuto),
            "https://buck.oss-eu-central-1.aliyuncs.com/");
  EXPECT_EQ(AddressOf({}, "cn-north-1", "buck", kAuto).host, "buck.s3.cn-north-1.amazonaws.com.cn");
}

}  // namespace
}  // namespace holdfast::storage
