#include "cli/backup_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.h"
#include "repo/testing/model_backup.h"

namespace holdfast::cli {
namespace {

using std::chrono::hours;
using testing::IsEmpty;
using testing::SizeIs;

const base::Time kNow = base::ParseTime("2026-11-21 07:00:00", "UTC");

repo::Pin PinUntil(std::optional<base::Time> until) {
  return {.object = {}, .created = kNow, .until = until, .host = {}};
}

std::string MarksText(const std::vector<repo::Pin>& pins, bool made_to_be_kept = false) {
  repo::Snapshot backup;
  backup.id = {"shop", "20261121T060003Z-4f2a"};
  backup.facts.pinned = made_to_be_kept;
  return ToText(MarksOf(backup, {{backup.id, pins}}, kNow), "UTC");
}

TEST(BackupMarks, TellThePinThatHoldsLongest) {
  EXPECT_EQ(MarksText({}), "");
  EXPECT_EQ(MarksText({PinUntil(kNow)}), "");
  EXPECT_EQ(MarksText({PinUntil(kNow + hours(2)), PinUntil(kNow + hours(1))}),
            "pinned until 2026-11-21 09:00:00 UTC");
  EXPECT_EQ(MarksText({PinUntil(kNow + hours(2)), PinUntil(std::nullopt)}), "pinned");
  EXPECT_EQ(MarksText({PinUntil(std::nullopt), PinUntil(kNow + hours(2))}), "pinned");
  EXPECT_EQ(MarksText({PinUntil(kNow + hours(2))}, true), "pinned");
}

TEST(BackupMarks, ThePinsOfOthersDoNotCount) {
  repo::Snapshot backup;
  backup.id = {"shop", "20261121T060003Z-4f2a"};
  const repo::Pins pins = {{{"shop", "20261121T060003Z-4f2b"}, {PinUntil(std::nullopt)}}};
  EXPECT_FALSE(MarksOf(backup, pins, kNow).pinned);
}

TEST(BackupMarks, FindWhatIsOutOfTheListsAndNotDeletedYet) {
  repo::TestRepository test;
  const auto write = [&](const std::string& name) {
    return repo::WriteModel(test.sound(), {"shop", name}, {}).snapshot.id;
  };
  const repo::BackupId forgotten = write("20261121T060003Z-4f2a");
  (void)write("20261121T070003Z-4f2a");
  EXPECT_THAT(FindLost(*test.memory, {}), IsEmpty());
  (void)test.memory->Put(repo::TombstoneObject(forgotten), {});
  // Of a backup that is deleted already.
  (void)test.memory->Put(repo::TombstoneObject({"shop", "20261120T060003Z-4f2a"}), {});
  const std::vector<LostBackup> lost = FindLost(*test.memory, "shop");
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0].id, forgotten);
  EXPECT_EQ(LostText(lost[0].lost), "forgotten");
  EXPECT_THAT(FindLost(*test.memory, "lab"), IsEmpty());
}

}  // namespace
}  // namespace holdfast::cli
