// Two backups as version 1 of the format has them, kept as bytes: what was once written must be
// read for ever. HOLDFAST_WRITE_GOLDEN=1 writes them anew, which only a change of the format may
// need.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "repo/testing/model_backup.h"

namespace holdfast::repo {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(__FILE__).parent_path() / "testdata" / "backups-1";
const BackupId kFirst = BackupId::Parse("shop/20261121T070003Z-4f2a");
const BackupId kSecond = BackupId::Parse("shop/20261122T070003Z-00aa");

base::Bytes Pages(std::uint32_t count, std::uint32_t changed) {
  base::Bytes file;
  for (std::uint32_t page = 0; page < count; ++page) {
    const base::Bytes bytes = ModelPage(page, page == 1 ? 0 : page == changed ? 2 : 1);
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  return file;
}

Model GoldenModel(bool second) {
  Model model;
  model.paged["base/1/1249"] = Pages(19, second ? 17 : 99);
  model.paged["base/1/1259"] = Pages(2, 99);
  model.plain["PG_VERSION"] = base::ToBytes("17\n");
  model.plain["base/empty"] = {};
  model.plain["pg_xact/0000"] = base::Bytes(8192, 0x55);
  // Every tree frame but the last is cut at a path.
  for (int i = 0; i < 600; ++i) model.plain["x/" + std::to_string(i)] = base::ToBytes("y");
  return model;
}

void WriteGolden() {
  TestRepository test;
  const ModelBackup first = WriteModel(test.sound(), kFirst, GoldenModel(false));
  (void)WriteModel(test.sound(), kSecond, GoldenModel(true),
                   ModelParent{first.snapshot, GoldenModel(false)});
  std::filesystem::remove_all(kFolder);
  for (const auto& object : storage::ListAll(*test.memory, "")) {
    const std::filesystem::path path = kFolder / object.name;
    std::filesystem::create_directories(path.parent_path());
    base::WriteFileDurably(path, storage::GetExisting(*test.memory, object.name), 0644);
  }
}

TEST(GoldenBackups, ReadBackBitForBit) {
  if (std::getenv("HOLDFAST_WRITE_GOLDEN") != nullptr) WriteGolden();
  base::ManualClock clock;
  const auto memory = std::make_shared<storage::MemoryStorage>(clock);
  for (const auto& file : std::filesystem::recursive_directory_iterator(kFolder)) {
    if (!file.is_regular_file()) continue;
    const std::string name = file.path().lexically_relative(kFolder).generic_string();
    ASSERT_EQ(memory->Put(name, base::ReadFile(file.path())), storage::PutOutcome::kStored);
  }
  const Repository repository = Repository::Open(memory, clock, TestUnlock());
  ASSERT_EQ(ListBackups(repository), (std::vector{kFirst, kSecond}));
  EXPECT_EQ(ReadModel(repository, ReadSnapshot(repository, kFirst)), GoldenModel(false));
  const Snapshot second = ReadSnapshot(repository, kSecond);
  EXPECT_EQ(ReadModel(repository, second), GoldenModel(true));
  EXPECT_EQ(second.sequence, 2U);
  EXPECT_EQ(second.facts.parent, kFirst);
  EXPECT_EQ(ReadPackList(*memory, kSecond).size(), second.pack_count);
}

}  // namespace
}  // namespace holdfast::repo
