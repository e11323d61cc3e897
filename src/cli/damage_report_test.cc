#include "cli/damage_report.h"

#include <gmock/gmock.h>

namespace holdfast::cli {
namespace {

using testing::ElementsAre;
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

TEST(DamageReportTest, DamageThatTakesNothingWithItIsNoLoss) {
  EXPECT_THAT(LossesOf({{.object = "keys/1", .problem = "rot", .hits = {}}}), IsEmpty());
}

}  // namespace
}  // namespace holdfast::cli
