#include "restore/file_writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "pg/crc32c.h"
#include "repo/testing/model_backup.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::restore {
namespace {

class FileWriter : public ::testing::Test {
 protected:
  repo::TreeEntry EntryOf(const repo::ModelBackup& backup, const std::string& path) {
    repo::FrameReader frames(repository.repository());
    repo::TreeReader tree(frames, backup.snapshot.facts.tree);
    return tree.Find(path).value();
  }

  WrittenFile Write(const repo::TreeEntry& entry) {
    repo::FrameReader frames(repository.repository());
    const PieceSource source{
        .entry = entry, .frames = frames, .keyring = repository.repository().keyring()};
    RestoredFile file(entry, folder.path() / "file", std::nullopt);
    file.Create();
    // Parts come in any order; the last one may be the first of the file.
    for (std::size_t part = file.part_count(); part-- > 0;) {
      file.WritePart(part, source, {});
      EXPECT_EQ(file.PartDone(), part == 0);
    }
    return file.Complete();
  }

  // Over what is there already; how much of it had to be written.
  std::uint64_t Refresh(const repo::TreeEntry& entry) {
    repo::FrameReader frames(repository.repository());
    const PieceSource source{
        .entry = entry, .frames = frames, .keyring = repository.repository().keyring()};
    RestoredFile file(entry, folder.path() / "file", std::nullopt, Existing::kRefresh);
    file.Create();
    for (std::size_t part = file.part_count(); part-- > 0;) {
      file.WritePart(part, source, {});
      EXPECT_EQ(file.PartDone(), part == 0);
    }
    EXPECT_EQ(file.Complete().crc32c, pg::Crc32cOf(base::ReadFile(folder.path() / "file")));
    return file.bytes_written();
  }

  // Gives the file in the folder `contents`, refreshes it, and tells how much was written.
  std::uint64_t RefreshOver(const base::Bytes& contents, const repo::TreeEntry& entry,
                            const base::Bytes& wanted) {
    base::WriteFileDurably(folder.path() / "file", contents);
    const std::uint64_t written = Refresh(entry);
    EXPECT_EQ(base::ReadFile(folder.path() / "file"), wanted);
    return written;
  }

  void ExpectRestored(const repo::TreeEntry& entry, const base::Bytes& contents) {
    const WrittenFile written = Write(entry);
    EXPECT_EQ(base::ReadFile(folder.path() / "file"), contents);
    EXPECT_EQ(written.size, contents.size());
    EXPECT_EQ(written.crc32c, pg::Crc32cOf(contents));
    std::filesystem::remove(folder.path() / "file");
  }

  static base::Bytes Pages(std::uint32_t count, std::uint32_t version) {
    base::Bytes file;
    for (std::uint32_t number = 0; number < count; ++number) {
      const base::Bytes page = repo::ModelPage(number, number % 5 == 3 ? 0 : version);
      file.insert(file.end(), page.begin(), page.end());
    }
    return file;
  }

  repo::TestRepository repository;
  storage::TemporaryDirectory folder;
};

TEST_F(FileWriter, PutsPagesTogetherFromThePacksOfSeveralBackups) {
  repo::Model model;
  model.paged["f"] = Pages(700, 1);
  const auto first = repo::WriteModel(repository.repository(),
                                      repo::BackupId::New("shop", repository.clock.Now()), model);
  repo::ModelParent parent{.snapshot = first.snapshot, .model = model};
  for (std::uint32_t number = 0; number < 700; number += 7) {
    const base::Bytes page = repo::ModelPage(number, 2);
    std::ranges::copy(page, model.paged["f"].begin() +
                                static_cast<std::ptrdiff_t>(std::size_t{number} * repo::kPageSize));
  }
  repository.clock.Advance(std::chrono::minutes(1));
  const auto second = repo::WriteModel(
      repository.repository(), repo::BackupId::New("shop", repository.clock.Now()), model, parent);
  ExpectRestored(EntryOf(second, "f"), model.paged["f"]);
  ExpectRestored(EntryOf(first, "f"), parent.model.paged["f"]);
}

TEST_F(FileWriter, SavesWhatIsNotLost) {
  repo::Model model;
  model.paged["f"] = Pages(700, 1);
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  const repo::TreeEntry entry = EntryOf(backup, "f");
  repo::FrameReader frames(repository.repository());
  const PieceSource source{
      .entry = entry, .frames = frames, .keyring = repository.repository().keyring()};
  const auto salvage = [&](const RestoredFile::ReadAnywhere& read) {
    std::filesystem::remove(folder.path() / "file");
    RestoredFile file(entry, folder.path() / "file", std::nullopt);
    file.Create();
    const std::vector<LostPages> lost = file.SalvagePart(0, read, {});
    EXPECT_TRUE(file.PartDone());
    EXPECT_EQ(file.Complete().crc32c, pg::Crc32cOf(base::ReadFile(folder.path() / "file")));
    return lost;
  };
  EXPECT_TRUE(salvage([&](const auto& read) { read(source); }).empty());
  EXPECT_EQ(base::ReadFile(folder.path() / "file"), model.paged["f"]);

  // Nothing at all: not even the map.
  const auto none = salvage(
      [](const auto&) { throw base::Error(base::ErrorKind::kNotFound, "the pack is missing"); });
  ASSERT_EQ(none.size(), 1U);
  EXPECT_EQ(none.front().first, 0U);
  EXPECT_EQ(none.front().count, 700U);
  EXPECT_EQ(base::ReadFile(folder.path() / "file"),
            base::Bytes(std::size_t{700} * repo::kPageSize, 0));

  // What is only out of reach is not lost.
  EXPECT_THROW(
      salvage([](const auto&) { throw base::Error(base::ErrorKind::kUnavailable, "no answer"); }),
      base::Error);
}

TEST_F(FileWriter, LeavesZerosAsHoles) {
  repo::Model model;
  model.paged["f"] = base::Bytes(std::size_t{1024} * repo::kPageSize, 0);
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  const WrittenFile written = Write(EntryOf(backup, "f"));
  EXPECT_EQ(written.crc32c, pg::Crc32cOf(model.paged["f"]));
  struct stat status {};
  ASSERT_EQ(::stat((folder.path() / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 1024 * 8192);
  EXPECT_LT(status.st_blocks * 512, 1024 * 1024);
  EXPECT_EQ(base::ReadFile(folder.path() / "file"), model.paged["f"]);
}

TEST_F(FileWriter, WritesFilesOfAnySize) {
  repo::Model model;
  for (const std::size_t size : {0UL, 1UL, 200UL, 513UL, 8191UL, 8193UL, 100'001UL}) {
    base::Bytes& bytes = model.plain[std::to_string(size)];
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(i * 7 + size));
  }
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  for (const auto& [path, bytes] : model.plain) ExpectRestored(EntryOf(backup, path), bytes);
}

TEST_F(FileWriter, RefreshesOnlyThePagesThatDiffer) {
  repo::Model model;
  const base::Bytes wanted = Pages(3500, 1);
  model.paged["f"] = wanted;
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  const repo::TreeEntry entry = EntryOf(backup, "f");
  EXPECT_EQ(RefreshOver(wanted, entry, wanted), 0U);
  base::Bytes changed = wanted;
  const auto spoil = [&](std::size_t page) { changed[page * repo::kPageSize + 100] ^= 1; };
  spoil(0);
  spoil(3);  // an empty one
  spoil(1023);
  spoil(1024);
  spoil(3499);
  EXPECT_EQ(RefreshOver(changed, entry, wanted), 5 * repo::kPageSize);
  changed = wanted;
  changed.resize(changed.size() + 3 * repo::kPageSize, 7);
  EXPECT_EQ(RefreshOver(changed, entry, wanted), 0U);
  changed.resize(700 * repo::kPageSize + 5);
  EXPECT_LT(RefreshOver(changed, entry, wanted), wanted.size() - 700 * repo::kPageSize + 1);
  EXPECT_LT(RefreshOver({}, entry, wanted), wanted.size());  // empty pages are not written
}

// Pages that no record names are not even read: what somebody else did to them stays.
TEST_F(FileWriter, LooksAtThePagesThatMayHaveChangedAndAtNewOnes) {
  repo::Model model;
  const base::Bytes wanted = model.paged["f"] = Pages(3500, 1);
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  const repo::TreeEntry entry = EntryOf(backup, "f");
  const pg::RelationFile relation{.relation = {.tablespace = 1663, .database = 5, .number = 7}};
  pg::BlockChanges changes;
  changes.At({relation.relation, pg::Fork::kMain}).blocks.Add(3);
  changes.At({relation.relation, pg::Fork::kMain}).blocks.AddRun(1022, 4);
  const catalog::ChangedPages changed(changes, {}, 131072);

  base::Bytes there = wanted;
  const auto spoil = [&](std::size_t page) { there[page * repo::kPageSize + 100] ^= 1; };
  for (const std::size_t page : {3UL, 500UL, 1023UL, 1025UL, 3499UL}) spoil(page);
  there.resize(3499 * repo::kPageSize + 5);  // the last page is not whole
  base::WriteFileDurably(folder.path() / "file", there);
  repo::FrameReader frames(repository.repository());
  const PieceSource source{
      .entry = entry, .frames = frames, .keyring = repository.repository().keyring()};
  RestoredFile file(entry, folder.path() / "file", std::nullopt, relation, changed);
  file.Create();
  for (std::size_t part = 0; part < file.part_count(); ++part) {
    file.WritePart(part, source, {});
    (void)file.PartDone();
  }
  const WrittenFile written = file.Complete();
  EXPECT_FALSE(written.crc32c);
  EXPECT_EQ(written.size, wanted.size());
  EXPECT_EQ(file.bytes_written(), 4 * repo::kPageSize);
  base::Bytes expected = wanted;
  expected[500 * repo::kPageSize + 100] ^= 1;
  EXPECT_EQ(base::ReadFile(folder.path() / "file"), expected);
}

TEST_F(FileWriter, RefreshesAFileThatEndsWithinAPage) {
  repo::Model model;
  constexpr std::size_t kSize = 19 * repo::kPageSize + 100;
  base::Bytes& file = model.paged["f"] = Pages(20, 1);
  std::fill(file.begin() + kSize, file.end(), std::uint8_t{0});
  const base::Bytes wanted(file.begin(), file.begin() + kSize);
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  repo::TreeEntry entry = EntryOf(backup, "f");
  entry.size = kSize;
  EXPECT_EQ(RefreshOver(wanted, entry, wanted), 0U);
  base::Bytes changed = wanted;
  changed.back() ^= 1;
  EXPECT_EQ(RefreshOver(changed, entry, wanted), 100U);
}

TEST_F(FileWriter, RefreshesFilesWithoutPagesWhenTheyDiffer) {
  repo::Model model;
  for (const std::size_t size : {0UL, 200UL, 513UL, 300'001UL})
    model.plain[std::to_string(size)] = base::Bytes(size, 7);
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  for (const auto& [path, wanted] : model.plain) {
    const repo::TreeEntry entry = EntryOf(backup, path);
    EXPECT_EQ(RefreshOver(wanted, entry, wanted), 0U) << path;
    if (wanted.empty()) continue;
    base::Bytes changed = wanted;
    changed.back() ^= 1;
    EXPECT_EQ(RefreshOver(changed, entry, wanted), wanted.size()) << path;
    EXPECT_EQ(RefreshOver({}, entry, wanted), wanted.size()) << path;
  }
}

TEST_F(FileWriter, RefreshesNoOtherNameOfTheSameFile) {
  repo::Model model;
  const base::Bytes wanted = model.paged["f"] = Pages(20, 1);
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  const base::Bytes old = Pages(20, 2);
  base::WriteFileDurably(folder.path() / "file", old);
  std::filesystem::create_hard_link(folder.path() / "file", folder.path() / "other");
  Refresh(EntryOf(backup, "f"));
  EXPECT_EQ(base::ReadFile(folder.path() / "file"), wanted);
  EXPECT_EQ(base::ReadFile(folder.path() / "other"), old);
}

TEST_F(FileWriter, CallsAnotherDigestCorrupt) {
  repo::Model model;
  model.plain["f"] = base::Bytes(5000, 7);
  const auto backup = repo::WriteModel(repository.repository(),
                                       repo::BackupId::New("shop", repository.clock.Now()), model);
  repo::TreeEntry entry = EntryOf(backup, "f");
  entry.digest[0] ^= 1;
  try {
    Write(entry);
    FAIL() << "nothing was noticed";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt) << error.message();
  }
}

}  // namespace
}  // namespace holdfast::restore
