#include "cli/damage_report.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

namespace holdfast::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(DamageReportTest, AddsUpWhatEachBackupLoses) {
  const std::vector<upkeep::Damage> damages = {
      {.object = "packs/1",
       .problem = "missing",
       .hits = {{.backup = "shop/b", .path = "base/1", .pages = {1, 2}, .page_count = 2},
                {.backup = "shop/a", .path = "base/1", .pages = {1}, .page_count = 1}}},
      {.object = "packs/2",
       .problem = "missing",
       .hits = {{.backup = "shop/b", .path = "base/1", .pages = {7}, .page_count = 1},
                {.backup = "shop/b", .path = "pg_xact/0000"}}},
  };
  EXPECT_THAT(LossesOf(damages),
              ElementsAre(BackupLoss{.backup = "shop/a", .files = 1, .pages = 1},
                          BackupLoss{.backup = "shop/b", .files = 2, .pages = 3}));
}

TEST(DamageReportTest, ALostRecordIsALostBackup) {
  const std::vector<upkeep::Damage> damages = {
      {.object = "snapshots/shop/a", .problem = "rot", .hits = {{.backup = "shop/a"}}}};
  const std::vector<BackupLoss> losses = LossesOf(damages);
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_TRUE(losses[0].whole);
  EXPECT_EQ(InWords(losses[0]), "the whole backup");
}

TEST(DamageReportTest, PrintsTheFirstAndHowManyMore) {
  upkeep::Damage damage{.object = "packs/1", .problem = "missing", .hits = {}};
  for (int i = 0; i < 1000; ++i)
    damage.hits.push_back({.backup = "shop/a", .path = fmt::format("base/{}", i)});
  std::ostringstream out;
  PrintDamages(out, std::vector(1000, damage));
  EXPECT_LT(std::ranges::count(out.str(), '\n'), 300);
  EXPECT_THAT(out.str(), HasSubstr("  shop/a: base/9\n  and 990 more\n"));
  EXPECT_THAT(out.str(), EndsWith("damaged: 980 objects more; --json names them all\n"));
}

TEST(DamageReportTest, PrintsAllOfALittle) {
  std::ostringstream out;
  PrintDamages(
      out,
      {{.object = "packs/1",
        .problem = "missing",
        .hits = {{.backup = "shop/a", .path = "base/1", .page_count = 1}, {.backup = "shop/b"}}}});
  EXPECT_EQ(out.str(),
            "damaged: packs/1: missing\n  shop/a: base/1, 1 page\n  shop/b: the whole backup\n");
}

TEST(DamageReportTest, DamageThatTakesNothingWithItIsNoLoss) {
  EXPECT_THAT(LossesOf({{.object = "keys/1", .problem = "rot", .hits = {}}}), IsEmpty());
}

}  // namespace
}  // namespace holdfast::cli
