#include "cli/recovery_kit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace holdfast::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

KitFacts Facts() {
  return {.repository = "main",
          .id = "0123456789abcdef0123456789abcdef",
          .url = "s3://backups/main",
          .endpoint = "https://store.example:9000",
          .region = "tokyo",
          .ca_file = "/etc/ssl/store.pem",
          .key_id = "3f9a0c51d2e87b64",
          .key_label = "main.key",
          .key_line = "holdfast-key-1:c2VjcmV0",
          .made = "2027-01-15 08:00:00 UTC",
          .version = "1.2.3",
          .sources = {{.name = "shop", .newest_backup = "shop/1", .postgres_major = 15},
                      {.name = "till", .newest_backup = "till/2", .postgres_major = 17}}};
}

// What a reader types: the indented lines, without the blanks before them.
std::string Typed(const std::string& kit) {
  std::istringstream lines(kit);
  std::string typed;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    ")) typed += line.substr(4) + "\n";
  }
  return typed;
}

TEST(RecoveryKit, SaysWhatToTypeInEveryLanguage) {
  for (const KitLanguage language : {KitLanguage::kEnglish, KitLanguage::kJapanese}) {
    EXPECT_EQ(Typed(RecoveryKitText(Facts(), language)),
              "umask 077\n"
              "cat > holdfast.key <<'END'\n"
              "holdfast-key-1:c2VjcmV0\n"
              "END\n"
              "cat > holdfast.toml <<'END'\n"
              "[repository.main]\n"
              "url = \"s3://backups/main\"\n"
              "endpoint = \"https://store.example:9000\"\n"
              "region = \"tokyo\"\n"
              "ca_file = \"/etc/ssl/store.pem\"\n"
              "key_file = \"holdfast.key\"\n"
              "END\n"
              "holdfast key list\n"
              "holdfast list\n"
              "holdfast restore shop --to \"$PWD/shop\"\n"
              "holdfast restore till --to \"$PWD/till\"\n");
  }
}

TEST(RecoveryKit, TellsAllThatIdentifies) {
  for (const KitLanguage language : {KitLanguage::kEnglish, KitLanguage::kJapanese}) {
    const std::string kit = RecoveryKitText(Facts(), language);
    for (const char* const fact :
         {"0123456789abcdef0123456789abcdef", "3f9a0c51d2e87b64 (main.key)", "holdfast 1.2.3",
          "2027-01-15 08:00:00 UTC", "PostgreSQL 15", "PostgreSQL 17", "till/2",
          // printf 'holdfast-key-1:c2VjcmV0\n' | sha256sum
          "543a1ff22943d81ff3c53bc6564542beeaafcc0016e868028c0eb9216f3795d0",
          "AWS_ACCESS_KEY_ID"}) {
      EXPECT_THAT(kit, HasSubstr(fact));
    }
  }
  EXPECT_THAT(RecoveryKitText(Facts(), KitLanguage::kEnglish),
              HasSubstr("WHOEVER HAS THIS SHEET CAN READ THE BACKUPS"));
  EXPECT_THAT(RecoveryKitText(Facts(), KitLanguage::kJapanese),
              HasSubstr("この紙を持つ人は誰でもバックアップを読めます"));
}

TEST(RecoveryKit, HasNoPassphrase) {
  KitFacts facts = Facts();
  facts.key_line.reset();
  const std::string kit = RecoveryKitText(facts, KitLanguage::kEnglish);
  EXPECT_THAT(kit, HasSubstr("which is NOT on this sheet"));
  EXPECT_THAT(Typed(kit), HasSubstr("cat > holdfast.passphrase\n"));
  EXPECT_THAT(Typed(kit), HasSubstr("passphrase_file = \"holdfast.passphrase\"\n"));
  EXPECT_THAT(kit, Not(HasSubstr("holdfast-key-1")));
}

TEST(RecoveryKit, OfADirectoryWithoutBackupsSaysSo) {
  KitFacts facts = Facts();
  facts.url = "file:///mnt/backups";
  facts.sources.clear();
  const std::string kit = RecoveryKitText(facts, KitLanguage::kEnglish);
  EXPECT_THAT(kit, HasSubstr("Mount its disk"));
  EXPECT_THAT(kit, HasSubstr("There was no backup yet"));
  EXPECT_THAT(kit, Not(HasSubstr("AWS_")));
}

// It is printed on A4: counted in columns, of which a Japanese character takes two.
std::size_t ColumnsOf(const std::string& line) {
  std::size_t columns = 0;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) ++columns;
    if (byte >= 0xC0) columns += 2;
  }
  return columns;
}

TEST(RecoveryKit, FitsOnPaper) {
  for (const KitLanguage language : {KitLanguage::kEnglish, KitLanguage::kJapanese}) {
    std::istringstream lines(RecoveryKitText(Facts(), language));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(ColumnsOf(line), 90U) << line;
  }
}

TEST(RecoveryKit, SpeaksTheLanguageOfTheLocale) {
  EXPECT_EQ(KitLanguageOf("ja_JP.UTF-8"), KitLanguage::kJapanese);
  EXPECT_EQ(KitLanguageOf("ja"), KitLanguage::kJapanese);
  EXPECT_EQ(KitLanguageOf("en"), KitLanguage::kEnglish);
  EXPECT_EQ(KitLanguageOf(""), KitLanguage::kEnglish);
}

}  // namespace
}  // namespace holdfast::cli
