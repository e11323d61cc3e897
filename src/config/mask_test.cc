#include "config/mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MaskConnection, LeavesWhatIsNotSecret) {
  EXPECT_EQ(MaskConnection("host=db user=holdfast dbname=postgres"),
            "host=db user=holdfast dbname=postgres");
  EXPECT_EQ(MaskConnection("postgresql://holdfast@db/postgres?sslmode=require"),
            "postgresql://holdfast@db/postgres?sslmode=require");
  EXPECT_EQ(MaskConnection(""), "");
}

struct Case {
  std::string text;
  std::string masked;
};

class MaskConnectionOf : public testing::TestWithParam<Case> {};

TEST_P(MaskConnectionOf, HidesThePassword) {
  EXPECT_EQ(MaskConnection(GetParam().text), GetParam().masked);
}

INSTANTIATE_TEST_SUITE_P(
    All, MaskConnectionOf,
    testing::Values(Case{"host=db password=hunter2 user=x", "host=db password=******** user=x"},
                    Case{"password = 'hunter 2\\' x' user=x", "password = ******** user=x"},
                    Case{"password='hunter2", "********"},
                    Case{"host=db sslpassword=hunter2", "host=db sslpassword=********"},
                    Case{"PASSWORD=hunter\\ 2", "PASSWORD=********"},
                    Case{"host=db hunter2", "host=db ********"},
                    Case{"postgresql://u:hunter2@db/x", "postgresql://u:********@db/x"},
                    Case{"postgres://u:hun@ter2@db/x", "postgres://u:********@db/x"},
                    Case{"postgres://u:hun?ter2@db/x", "postgres://********"},
                    Case{"postgresql://db/x?password=hunter2&sslmode=require",
                         "postgresql://db/x?password=********&sslmode=require"},
                    Case{"postgresql://db/x?pass%77ord=hunter2",
                         "postgresql://db/x?pass%77ord=********"}));

TEST(MaskUrl, KeepsNothingButTheScheme) {
  EXPECT_EQ(MaskUrl("slack://T0/B0/secret"), "slack://********");
  EXPECT_THAT(MaskUrl("secret"), Not(HasSubstr("secret")));
}

TEST(MaskUrlPassword, LeavesUrlsWithoutOneAlone) {
  EXPECT_EQ(MaskUrlPassword("file:///var/lib/a:b@c"), "file:///var/lib/a:********@c");
  EXPECT_EQ(MaskUrlPassword("file:///var/lib/holdfast"), "file:///var/lib/holdfast");
  EXPECT_EQ(MaskUrlPassword("s3://key:secret@host/bucket"), "s3://key:********@host/bucket");
  EXPECT_EQ(MaskUrlPassword("*/30 * * * *"), "*/30 * * * *");
}

}  // namespace
}  // namespace holdfast::config
