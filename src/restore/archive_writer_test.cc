#include "restore/archive_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/time_text.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

struct Read {
  std::string content;
  unsigned mode = 0;
  std::int64_t uid = 0;
  time_t modified = 0;
  bool operator==(const Read&) const = default;
};

// What the library's own reader makes of it.
std::map<std::string, Read> ReadBack(const base::Bytes& bytes) {
  std::map<std::string, Read> found;
  archive* handle = archive_read_new();
  archive_read_support_format_all(handle);
  archive_read_support_filter_all(handle);
  EXPECT_EQ(archive_read_open_memory(handle, bytes.data(), bytes.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(handle, &entry) == ARCHIVE_OK) {
    Read& read = found[archive_entry_pathname(entry)];
    read.content.resize(static_cast<std::size_t>(archive_entry_size(entry)));
    EXPECT_EQ(archive_read_data(handle, read.content.data(), read.content.size()),
              static_cast<la_ssize_t>(read.content.size()));
    read.mode = archive_entry_perm(entry);
    read.uid = archive_entry_uid(entry);
    read.modified = archive_entry_mtime(entry);
  }
  archive_read_free(handle);
  return found;
}

class Archives : public ::testing::TestWithParam<ExportFormat> {
 protected:
  ArchiveWriter::Output Into(base::Bytes& bytes) {
    return [&](base::ByteView more) { bytes.insert(bytes.end(), more.begin(), more.end()); };
  }
  static void Add(ArchiveWriter& writer, const std::string& path, std::string_view content) {
    writer.Begin({.path = path,
                  .mode = 0640,
                  .uid = 3'000'000,  // more than a plain tar header holds
                  .gid = 7,
                  .size = content.size(),
                  .modified = base::ParseTime("2026-11-21T09:53:45.5Z", "UTC")});
    writer.Write(base::AsBytes(content));
  }
  storage::TemporaryDirectory folder;
};

TEST_P(Archives, KeepNamesModesOwnersTimesAndContent) {
  const std::string deep = "base/" + std::string(200, 'd') + "/" + std::string(150, 'f');
  base::Bytes bytes;
  ArchiveWriter writer(GetParam(), folder.path(), Into(bytes));
  Add(writer, "backup_label", "START\n");
  writer.Begin({.path = "pg_wal", .directory = true, .mode = 0700});
  Add(writer, deep, std::string(100'000, 'x'));
  Add(writer, "empty", "");
  writer.Finish();
  const auto found = ReadBack(bytes);
  const bool tar = GetParam() != ExportFormat::k7z;
  EXPECT_EQ(
      found.at("backup_label"),
      (Read{
          .content = "START\n", .mode = 0640, .uid = tar ? 3'000'000 : 0, .modified = 1795254825}));
  EXPECT_EQ(found.at(deep).content, std::string(100'000, 'x'));
  EXPECT_EQ(found.at("empty").content, "");
  EXPECT_EQ(found.at("pg_wal/").mode, 0700U);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_P(Archives, KeepNamesThatAreNotAsciiOrSaySo) {
  const std::string name = "log/caf\xc3\xa9 \xff";
  base::Bytes bytes;
  ArchiveWriter writer(GetParam(), folder.path(), Into(bytes));
  if (GetParam() == ExportFormat::k7z) {
    EXPECT_THROW(Add(writer, name, "x"), base::Error);
    return;
  }
  Add(writer, name, "x");
  writer.Finish();
  EXPECT_EQ(ReadBack(bytes).at(name).content, "x");
}

TEST(PlainTar, IsWhatOrdinaryFilesMake) {
  base::Bytes bytes;
  ArchiveWriter writer(ExportFormat::kTar, {}, [&](base::ByteView more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
  });
  writer.Begin({.path = "base/1/1", .mode = 0600, .uid = 101, .gid = 104});
  writer.Finish();
  // Other tars than this library's wonder about extensions, each time they meet one.
  EXPECT_EQ(base::AsText(bytes).find("PaxHeader"), std::string_view::npos);
}

TEST_P(Archives, PassOnWhatTheOutputThrows) {
  const auto full = [](base::ByteView) { throw base::SystemError(ENOSPC, "cannot write"); };
  ArchiveWriter writer(GetParam(), folder.path(), full);
  try {
    for (int i = 0; i < 100; ++i) Add(writer, std::to_string(i), std::string(100'000, 'x'));
    writer.Finish();
    FAIL() << "was not told";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kUnavailable);
    EXPECT_TRUE(error.message().starts_with("cannot write: "));
  }
}

TEST_P(Archives, HaveNoEndWhenTheyAreGivenUp) {
  base::Bytes bytes;
  {
    ArchiveWriter writer(GetParam(), folder.path(), Into(bytes));
    Add(writer, "backup_label", "START\n");
  }
  const std::size_t given_up = bytes.size();
  bytes.clear();
  ArchiveWriter writer(GetParam(), folder.path(), Into(bytes));
  Add(writer, "backup_label", "START\n");
  writer.Finish();
  EXPECT_LT(given_up, bytes.size());
}

INSTANTIATE_TEST_SUITE_P(AllFormats, Archives,
                         ::testing::Values(ExportFormat::kTar, ExportFormat::kTarGz,
                                           ExportFormat::kTarZst, ExportFormat::k7z));

}  // namespace
}  // namespace holdfast::restore
