#include "pg/backup_label.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.h"

namespace holdfast::pg {
namespace {

using testing::ElementsAre;

constexpr std::string_view kLabel =
    "START WAL LOCATION: 0/1000028 (file 000000010000000000000010)\n"
    "CHECKPOINT LOCATION: 0/1000060\n"
    "BACKUP METHOD: streamed\n"
    "BACKUP FROM: primary\n"
    "START TIME: 2026-11-21 08:51:34 UTC\n"
    "LABEL: lab: el\n"
    "START TIMELINE: 1\n";

std::string Replaced(std::string_view from, std::string_view to) {
  std::string text(kLabel);
  return text.replace(text.find(from), from.size(), to);
}

TEST(BackupLabel, IsReadAsTheServerWroteIt) {
  const BackupLabel label = ParseBackupLabel(kLabel);
  EXPECT_EQ(label.start, Lsn(0x1000028));
  EXPECT_EQ(label.start_segment_name, "000000010000000000000010");
  EXPECT_EQ(label.checkpoint, Lsn(0x1000060));
  EXPECT_EQ(label.timeline, TimelineId(1));
  EXPECT_EQ(label.origin, BackupOrigin::kPrimary);
  EXPECT_EQ(label.start_time, "2026-11-21 08:51:34 UTC");
  EXPECT_EQ(label.label, "lab: el");
  EXPECT_FALSE(label.incremental_from);
  EXPECT_FALSE(label.end);
}

TEST(BackupLabel, KnowsTheOlderWordForThePrimary) {
  EXPECT_EQ(ParseBackupLabel(Replaced("primary", "master")).origin, BackupOrigin::kPrimary);
  EXPECT_EQ(ParseBackupLabel(Replaced("primary", "standby")).origin, BackupOrigin::kStandby);
}

TEST(BackupLabel, TellsThatItBelongsToAnIncrementalBackup) {
  const auto label = ParseBackupLabel(std::string(kLabel) +
                                      "INCREMENTAL FROM LSN: 0/E00028\nINCREMENTAL FROM TLI: 1\n");
  EXPECT_EQ(label.incremental_from, Lsn(0xE00028));
}

TEST(BackupLabel, HistoryFileTellsTheEndToo) {
  const auto label = ParseBackupLabel(
      "START WAL LOCATION: 0/1000028 (file 000000010000000000000010)\n"
      "STOP WAL LOCATION: 0/1000138 (file 000000010000000000000010)\n"
      "CHECKPOINT LOCATION: 0/1000060\nBACKUP METHOD: streamed\nBACKUP FROM: primary\n"
      "START TIME: 2026-11-21 08:51:34 UTC\nLABEL: x\nSTART TIMELINE: 1\n"
      "STOP TIME: 2026-11-21 08:51:35 UTC\nSTOP TIMELINE: 2\n");
  ASSERT_TRUE(label.end);
  EXPECT_EQ(label.end->lsn, Lsn(0x1000138));
  EXPECT_EQ(label.end->segment_name, "000000010000000000000010");
  EXPECT_EQ(label.end->timeline, TimelineId(2));
  EXPECT_EQ(label.end->time, "2026-11-21 08:51:35 UTC");
}

TEST(BackupLabel, WithoutAnyOfItsLinesIsCorrupt) {
  for (const auto* line : {"START WAL LOCATION: ", "CHECKPOINT LOCATION: ", "BACKUP FROM: ",
                           "START TIME: ", "LABEL: ", "START TIMELINE: "}) {
    EXPECT_THROW(ParseBackupLabel(Replaced(line, "OTHER: ")), base::Error) << line;
  }
}

TEST(BackupLabel, RefusesWhatCannotBeRead) {
  EXPECT_THROW(ParseBackupLabel(""), base::Error);
  EXPECT_THROW(ParseBackupLabel(kLabel.substr(0, kLabel.size() - 1)), base::Error);
  EXPECT_THROW(ParseBackupLabel(Replaced("0/1000028", "1000028")), base::Error);
  EXPECT_THROW(ParseBackupLabel(Replaced("000000010000000000000010)", "x)")), base::Error);
  EXPECT_THROW(ParseBackupLabel(Replaced("TIMELINE: 1", "TIMELINE: 0")), base::Error);
  EXPECT_THROW(ParseBackupLabel(Replaced("primary", "nowhere")), base::Error);
  // A label with a line end in it pretends another start.
  EXPECT_THROW(ParseBackupLabel(Replaced("lab: el", "x\nSTART TIMELINE: 7")), base::Error);
}

TEST(TablespaceMap, IsReadAsEachVersionEscapesIt) {
  const auto thirteen = MajorVersion::FromNumber(13);
  const auto fifteen = MajorVersion::FromNumber(15);
  EXPECT_THAT(ParseTablespaceMap("16397 /ts2\n16401 /t s\\x\n", thirteen),
              ElementsAre(TablespaceLink{16397, "/ts2"}, TablespaceLink{16401, "/t s\\x"}));
  EXPECT_THAT(ParseTablespaceMap("16400 /t s\\\\x\n16396 /ts2\n", fifteen),
              ElementsAre(TablespaceLink{16400, "/t s\\x"}, TablespaceLink{16396, "/ts2"}));
  EXPECT_THAT(ParseTablespaceMap("16400 /a\\\nb\n", thirteen),
              ElementsAre(TablespaceLink{16400, "/a\nb"}));
  EXPECT_THAT(ParseTablespaceMap("", fifteen), ElementsAre());
}

TEST(TablespaceMap, RefusesWhatCannotBeRead) {
  const auto version = MajorVersion::FromNumber(15);
  for (const auto* text : {"16400 /a", "16400\n", "16400 \n", "x /a\n", "0 /a\n", "16400 /a\\"}) {
    EXPECT_THROW(ParseTablespaceMap(text, version), base::Error) << text;
  }
}

TEST(TablespaceMap, SurvivesTheRoundTrip) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint32_t, std::uint8_t>>& input) {
    const auto version = MajorVersion::FromNumber(*rc::gen::inRange(14U, 19U));
    std::vector<TablespaceLink> links;
    for (const auto& [oid, seed] : input) {
      const auto tail =
          *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab \\\n\r")));
      links.push_back({oid % 100000 + 1, "/" + std::to_string(seed) + tail});
    }
    RC_ASSERT(ParseTablespaceMap(FormatTablespaceMap(links, version), version) == links);
  }));
}

}  // namespace
}  // namespace holdfast::pg
