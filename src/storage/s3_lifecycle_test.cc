#include "storage/s3_lifecycle.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::storage {
namespace {

std::vector<LifecycleRule> Parse(const std::string& rules) {
  return ParseLifecycle(
      base::AsBytes("<?xml version=\"1.0\"?><LifecycleConfiguration xmlns=\"x\">" + rules +
                    "</LifecycleConfiguration>"));
}

LifecycleRule Only(const std::string& inside) {
  const auto rules = Parse("<Rule><Status>Enabled</Status>" + inside + "</Rule>");
  return rules.size() == 1 ? rules[0] : LifecycleRule{.name = "none", .prefix = {}};
}

TEST(S3Lifecycle, FindsWhatDeletesByAge) {
  EXPECT_TRUE(Only("<Expiration><Days>30</Days></Expiration>").deletes);
  EXPECT_TRUE(Only("<Expiration><Date>2027-01-01T00:00:00Z</Date></Expiration>").deletes);
  EXPECT_FALSE(Only("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                    "</Expiration>")
                   .deletes);
  EXPECT_FALSE(Only("<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>"
                    "</AbortIncompleteMultipartUpload>")
                   .deletes);
  const LifecycleRule versions = Only(
      "<NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays>"
      "</NoncurrentVersionExpiration>");
  EXPECT_FALSE(versions.deletes);
  EXPECT_TRUE(versions.ends_versions);
}

TEST(S3Lifecycle, FindsWhatArchives) {
  const auto to = [](const std::string& storage_class) {
    return Only(
               "<Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
               "<Transition><Days>9</Days><StorageClass>" +
               storage_class + "</StorageClass></Transition>")
        .archives;
  };
  EXPECT_TRUE(to("GLACIER"));
  EXPECT_TRUE(to("DEEP_ARCHIVE"));
  EXPECT_FALSE(to("GLACIER_IR"));
}

TEST(S3Lifecycle, PassesOverRulesThatCannotTouchOurObjects) {
  EXPECT_EQ(Only("<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>").name, "none");
  EXPECT_EQ(Only("<Filter><And><Prefix>x</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And>"
                 "</Filter>")
                .name,
            "none");
  EXPECT_TRUE(Parse("<Rule><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>")
                  .empty());
}

TEST(S3Lifecycle, KnowsTheThreePlacesOfAPrefix) {
  EXPECT_EQ(Only("<Prefix>old</Prefix>").prefix, "old");
  EXPECT_EQ(Only("<Filter><Prefix>new/</Prefix></Filter>").prefix, "new/");
  EXPECT_EQ(Only("<Filter><And><Prefix>a</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
                 "</And></Filter>")
                .prefix,
            "a");
  EXPECT_EQ(Only("<Filter/>").prefix, "");
  EXPECT_EQ(Only("<ID>keep me</ID><Filter><Prefix/></Filter>").name, "keep me");
}

TEST(S3Lifecycle, ComparesPrefixes) {
  const auto covers = [](const char* rule, const char* ours) {
    return Covers({.name = "", .prefix = rule}, ours);
  };
  EXPECT_TRUE(covers("", "main/"));
  EXPECT_TRUE(covers("ma", "main/"));
  EXPECT_TRUE(covers("main/packs/", "main/"));
  EXPECT_TRUE(covers("x", ""));
  EXPECT_FALSE(covers("other/", "main/"));
  EXPECT_FALSE(covers("main2", "main/"));
}

TEST(S3Lifecycle, TakesNothingElseForRules) {
  for (const char* text : {"", "<html/>", "<LifecycleConfiguration><Rule>"}) {
    EXPECT_THROW(ParseLifecycle(base::AsBytes(text)), base::Error) << text;
  }
}

}  // namespace
}  // namespace holdfast::storage
