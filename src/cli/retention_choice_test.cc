#include "cli/retention_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class RetentionChoice : public testing::Test {
 protected:
  RetentionChoice() {
    shop.name = "shop";
    shop.repository = "main";
  }

  void AddJob(const std::string& name, const std::string& kind,
              const config::Retention& retention) {
    config::Job job;
    job.name = name;
    job.kind = kind;
    job.retention = retention;
    shop.jobs_by_name.push_back(std::move(job));
  }

  // "name: rules" of what governs such a backup.
  std::string Governs(const std::string& kind, const std::string& job = {},
                      const std::string& repository = "main", const std::string& source = "shop") {
    repo::Snapshot backup;
    backup.id = {source, "20261121T070003Z-4f2a"};
    backup.facts.kind = kind;
    if (!job.empty()) backup.facts.labels["job"] = job;
    const auto policy = ChoosePolicy(Configuration(), repository, backup);
    return policy ? policy->name + ": " + ToText(policy->policy) : "";
  }

  config::Config Configuration() const {
    config::Config config;
    config.sources.push_back(shop);
    return config;
  }

  config::Source shop;
};

TEST_F(RetentionChoice, WithoutARetentionNothingGoverns) {
  AddJob("base", "backup", {});
  EXPECT_EQ(Governs("cluster"), "");
  EXPECT_FALSE(HasPolicy(shop, "main"));
}

TEST_F(RetentionChoice, TheSourcesGovernsAllKinds) {
  shop.retention = {.last = 3, .within = days(2)};
  EXPECT_EQ(Governs("cluster"), "source shop: last 3, within 2 d");
  EXPECT_EQ(Governs("dump"), "source shop: last 3, within 2 d");
  EXPECT_TRUE(HasPolicy(shop, "main"));
}

TEST_F(RetentionChoice, AJobsOwnComesBeforeTheSources) {
  shop.retention = {.last = 3};
  AddJob("base", "backup", {.days = 14});
  AddJob("bare", "backup", {});
  EXPECT_EQ(Governs("cluster", "base"), "job base: days 14");
  EXPECT_EQ(Governs("cluster", "bare"), "source shop: last 3");
  EXPECT_EQ(Governs("cluster", "gone"), "source shop: last 3");
  EXPECT_EQ(Governs("cluster"), "source shop: last 3");
}

TEST_F(RetentionChoice, TheOnlyJobOfAKindGovernsWhatWasMadeByHand) {
  AddJob("base", "backup", {.days = 14});
  AddJob("check", "verify", {.days = 1});
  AddJob("nightly", "dump", {.last = 2});
  EXPECT_EQ(Governs("cluster"), "job base: days 14");
  EXPECT_EQ(Governs("volume"), "job base: days 14");
  EXPECT_EQ(Governs("dump"), "job nightly: last 2");
  AddJob("weekly", "backup", {.weeks = 8});
  EXPECT_EQ(Governs("cluster"), "");
  EXPECT_EQ(Governs("cluster", "weekly"), "job weekly: weeks 8");
}

TEST_F(RetentionChoice, ACopyHasItsOwn) {
  shop.retention = {.last = 3};
  shop.copies = {{.repository = "offsite", .retention = {.months = 12}},
                 {.repository = "attic", .retention = {}}};
  EXPECT_EQ(Governs("cluster", "", "offsite"), "copies of shop in offsite: months 12");
  EXPECT_EQ(Governs("cluster", "", "attic"), "");
  EXPECT_EQ(Governs("cluster", "", "elsewhere"), "");
  EXPECT_TRUE(HasPolicy(shop, "offsite"));
  EXPECT_FALSE(HasPolicy(shop, "attic"));
  EXPECT_FALSE(HasPolicy(shop, "elsewhere"));
}

TEST_F(RetentionChoice, NothingGovernsASourceThatIsNotConfigured) {
  shop.retention = {.last = 3};
  EXPECT_EQ(Governs("cluster", "", "main", "other"), "");
}

TEST_F(RetentionChoice, TheWindowIsTheLongestThatIsAskedFor) {
  EXPECT_THAT(LogWindows(Configuration(), "main"), IsEmpty());
  shop.retention = {.last = 3, .wal_days = 7};
  AddJob("base", "backup", {.wal_days = 14});
  AddJob("bare", "backup", {.days = 60});
  shop.copies = {{.repository = "offsite", .retention = {.months = 12, .wal_days = 3}}};
  EXPECT_THAT(LogWindows(Configuration(), "main"), ElementsAre(Pair("shop", days(14))));
  EXPECT_THAT(LogWindows(Configuration(), "offsite"), ElementsAre(Pair("shop", days(3))));
  EXPECT_THAT(LogWindows(Configuration(), "elsewhere"), IsEmpty());
}

// A window alone limits the WAL, and lets no backup go.
TEST_F(RetentionChoice, AWindowIsNoPolicy) {
  shop.retention = {.wal_days = 7};
  EXPECT_EQ(Governs("cluster"), "");
  EXPECT_FALSE(HasPolicy(shop, "main"));
}

}  // namespace
}  // namespace holdfast::cli
