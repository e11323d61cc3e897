#include "restore/archive_stage.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "repo/content_store.h"
#include "repo/testing/model_backup.h"
#include "restore/claim.h"

namespace holdfast::restore {
namespace {

base::Bytes Pages(std::uint32_t count) {
  base::Bytes file;
  for (std::uint32_t number = 0; number < count; ++number) {
    const base::Bytes page = repo::ModelPage(number, number % 7 == 3 ? 0 : 1);
    file.insert(file.end(), page.begin(), page.end());
  }
  return file;
}

class Stage : public ::testing::Test {
 protected:
  Stage() {
    model.paged["base/1/1"] = Pages(2500);  // three reads
    model.paged["base/1/2"] = Pages(1024);  // exactly one
    for (int i = 0; i < 50; ++i)
      model.plain["base/2/" + std::to_string(i)] =
          base::Bytes(static_cast<std::size_t>(i) * 500, 9);
    model.plain["large"] = base::Bytes(9 * base::kMiB, 5);  // not read ahead
    model.plain[std::string(kControlPath)] = base::Bytes(64, 1);
    const repo::ModelBackup backup = repo::WriteModel(
        repository.repository(), repo::BackupId::Parse("shop/20261121T070003Z-4f2a"), model);
    plan.backup = backup.snapshot;
    plan.facts.server_version = 170002;
  }

  SetAside Run(const ArchiveWriter::Output& output, const std::stop_token& stop = {},
               std::vector<OtherPlace> copies = {}) {
    repo::FrameReader frames(repository.repository());
    ArchiveWriter writer(ExportFormat::kTar, {}, output);
    ArchiveFiles files(writer, {.uid = 7, .gid = 7}, {});
    Manifest manifest(plan, [&](std::string_view text) { manifest_text += text; });
    base::NullReporter report;
    OtherCopies others(plan.backup, std::move(copies), repository.clock, report);
    ArchiveStage stage(repository.repository(), frames, others, 3, report, nullptr);
    SetAside aside = stage.Run(plan, files, writer, manifest, stop);
    writer.Finish();
    return aside;
  }

  repo::TestRepository repository;
  repo::Model model;
  RestorePlan plan;
  std::string manifest_text;
};

std::vector<std::pair<std::string, base::Bytes>> ReadBack(const base::Bytes& bytes) {
  std::vector<std::pair<std::string, base::Bytes>> found;
  archive* handle = archive_read_new();
  archive_read_support_format_tar(handle);
  EXPECT_EQ(archive_read_open_memory(handle, bytes.data(), bytes.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(handle, &entry) == ARCHIVE_OK) {
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    auto& [path, content] = found.emplace_back();
    path = archive_entry_pathname(entry);
    content.resize(static_cast<std::size_t>(archive_entry_size(entry)));
    EXPECT_EQ(archive_read_data(handle, content.data(), content.size()),
              static_cast<la_ssize_t>(content.size()));
  }
  archive_read_free(handle);
  return found;
}

TEST_F(Stage, WritesEveryFileInTheOrderOfTheTree) {
  base::Bytes bytes;
  const SetAside aside =
      Run([&](base::ByteView more) { bytes.insert(bytes.end(), more.begin(), more.end()); });
  EXPECT_EQ(aside.Control().size, 64U);
  const auto found = ReadBack(bytes);
  EXPECT_TRUE(std::ranges::is_sorted(found));
  std::map<std::string, base::Bytes> expected = model.plain;
  expected.insert(model.paged.begin(), model.paged.end());
  expected.erase(std::string(kControlPath));
  EXPECT_TRUE((std::map<std::string, base::Bytes>(found.begin(), found.end()) == expected));
  for (const auto& [path, content] : expected)
    EXPECT_NE(manifest_text.find("\"" + path + "\""), std::string::npos) << path;
}

TEST_F(Stage, EndsWithWhatTheOutputThrows) {
  int calls = 0;
  EXPECT_THROW(Run([&](base::ByteView) {
                 if (++calls > 100) throw base::SystemError(EPIPE, "standard output");
               }),
               base::Error);
}

TEST_F(Stage, EndsWithWhatCannotBeRead) {
  storage::ObjectInfo largest{};
  repository.memory->List(repo::kPacksPrefix, {}, [&](const storage::ObjectInfo& object) {
    if (object.size > largest.size) largest = object;
  });
  ASSERT_EQ(repository.memory->Remove(largest.name), storage::RemoveOutcome::kRemoved);
  EXPECT_THROW(Run([](base::ByteView) {}), base::Error);
}

TEST_F(Stage, GoesOnInACopyWhereALargeFileBreaksOff) {
  model = {};
  model.plain["large"] = Pages(1300);  // not read ahead, and in many packs
  model.plain[std::string(kControlPath)] = base::Bytes(64, 1);
  const auto id = repo::BackupId::Parse("shop/20261121T070004Z-4f2a");
  plan.backup = repo::WriteModel(repository.repository(), id, model).snapshot;
  repo::TestRepository copy;
  (void)repo::WriteModel(copy.repository(), id, model);
  repo::FrameReader frames(repository.repository());
  const auto large = repo::TreeReader(frames, plan.backup.facts.tree).Find("large").value();
  std::vector<repo::PackId> packs;
  repo::ForEachPackOf(frames, large.content,
                      [&](const repo::PackId& pack) { packs.push_back(pack); });
  ASSERT_GT(packs.size(), 10U);
  const std::string lost = repo::PackObject(packs.at(packs.size() / 2));
  ASSERT_EQ(repository.memory->Remove(lost), storage::RemoveOutcome::kRemoved);

  base::Bytes bytes;
  const auto open = [&] {
    return repo::Repository::Open(copy.faulty, copy.clock, repo::TestUnlock());
  };
  Run([&](base::ByteView more) { bytes.insert(bytes.end(), more.begin(), more.end()); }, {},
      {{.name = "far", .open = open}});
  const auto found = ReadBack(bytes);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().first, "large");
  EXPECT_TRUE(found.front().second == model.plain.at("large"));
}

TEST_F(Stage, EndsWhenItIsStopped) {
  std::stop_source stop;
  try {
    Run([&](base::ByteView) { stop.request_stop(); }, stop.get_token());
    FAIL() << "went on";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCancelled);
  }
}

}  // namespace
}  // namespace holdfast::restore
