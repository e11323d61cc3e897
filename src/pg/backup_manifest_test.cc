#include "pg/backup_manifest.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "pg/crc32c.h"

namespace holdfast::pg {
namespace {

constexpr base::Time kTime{std::chrono::seconds(1'795'251'094) + std::chrono::microseconds(999)};

std::string Written(std::uint32_t major, const std::vector<ManifestFile>& files) {
  std::string text;
  BackupManifestWriter writer(MajorVersion::FromNumber(major),
                              SystemIdentifier(7710544715667768714),
                              [&](std::string_view piece) { text += piece; });
  for (const ManifestFile& file : files) writer.Add(file);
  const std::array ranges = {ManifestWalRange{TimelineId(1), Lsn(0x2000028), Lsn(0x2000100)},
                             ManifestWalRange{TimelineId(2), Lsn(0x2000100), Lsn(0x3000000)}};
  writer.Finish(ranges);
  return text;
}

ManifestFile PgVersion() {
  return {.path = "PG_VERSION",
          .size = 3,
          .last_modified = kTime,
          .crc32c = Crc32cOf(base::AsBytes("15\n"))};
}

TEST(BackupManifest, IsWrittenAsTheServerWritesIt) {
  const std::string text =
      Written(15, {PgVersion(), {.path = "base/1/\"x\"\n", .last_modified = kTime, .crc32c = 0}});
  EXPECT_EQ(
      text.substr(0, text.rfind("\"Manifest-Checksum\"")),
      "{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n"
      "\"Files\": [\n"
      "{ \"Path\": \"PG_VERSION\", \"Size\": 3, \"Last-Modified\": \"2026-11-21 08:51:34 GMT\", "
      "\"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"8a744722\" },\n"
      "{ \"Path\": \"base/1/\\\"x\\\"\\n\", \"Size\": 0, \"Last-Modified\": \"2026-11-21 08:51:34 "
      "GMT\", \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"00000000\" }\n"
      "],\n"
      "\"WAL-Ranges\": [\n"
      "{ \"Timeline\": 1, \"Start-LSN\": \"0/2000028\", \"End-LSN\": \"0/2000100\" },\n"
      "{ \"Timeline\": 2, \"Start-LSN\": \"0/2000100\", \"End-LSN\": \"0/3000000\" }\n"
      "],\n");
  // sha256sum of the lines above.
  EXPECT_TRUE(
      text.ends_with("\"Manifest-Checksum\": "
                     "\"c06ee4efe7660bd4a2f371e67df1c0a8a3bea5ff578a663a857c0e270fffb092\"}\n"));
}

TEST(BackupManifest, NamesTheClusterFrom17On) {
  const auto json = nlohmann::json::parse(Written(17, {PgVersion()}));
  EXPECT_EQ(json["PostgreSQL-Backup-Manifest-Version"], 2);
  EXPECT_EQ(json["System-Identifier"], 7710544715667768714U);
  EXPECT_FALSE(nlohmann::json::parse(Written(16, {})).contains("System-Identifier"));
}

// The server's tools compare its size alone then.
TEST(BackupManifest, AFileThatWasNotReadHasNoChecksum) {
  const auto json = nlohmann::json::parse(Written(15, {{.path = "a", .last_modified = kTime}}));
  EXPECT_FALSE(json["Files"][0].contains("Checksum"));
  EXPECT_FALSE(json["Files"][0].contains("Checksum-Algorithm"));
}

TEST(BackupManifest, PathsThatAreNotUtf8AreWrittenInHexadecimal) {
  const auto json = nlohmann::json::parse(Written(15, {{.path = "a\xFF", .last_modified = kTime}}));
  EXPECT_EQ(json["Files"][0]["Encoded-Path"], "61ff");
  EXPECT_FALSE(json["Files"][0].contains("Path"));
}

TEST(BackupManifest, TakesNothingAfterItsEnd) {
  BackupManifestWriter writer(MajorVersion::FromNumber(15), SystemIdentifier(1),
                              [](std::string_view) {});
  writer.Finish({});
  EXPECT_THROW(writer.Add(PgVersion()), base::Error);
  EXPECT_THROW(writer.Finish({}), base::Error);
}

}  // namespace
}  // namespace holdfast::pg
