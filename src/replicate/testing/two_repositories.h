// Two repositories in memory, each with keys of its own, and backups to copy from one to the other.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "replicate/copy.h"
#include "repo/file_digest.h"
#include "repo/testing/model_backup.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::replicate {

inline repo::BackupId Id(int number) {
  return repo::BackupId::Parse("shop/20261121T07000" + std::to_string(number) + "Z-4f2a");
}

// Version 1 of everything; each further version changes a page and a small file.
inline repo::Model ModelOf(std::uint32_t version) {
  repo::Model model;
  for (std::uint32_t page = 0; page < 24; ++page) {
    const bool changed = version > 1 && page == version;
    const base::Bytes content =
        page == 18 ? base::Bytes(repo::kPageSize) : repo::ModelPage(page, changed ? version : 1);
    auto& file = model.paged["base/1/100"];
    file.insert(file.end(), content.begin(), content.end());
  }
  // Of many runs, so that its map lies in a frame of its own.
  auto& sparse = model.paged["base/1/200"];
  sparse.resize(300 * std::size_t{repo::kPageSize});
  for (std::size_t page = 0; page < 300; page += 2) {
    const bool changed = version > 1 && page == 2 * std::size_t{version};
    sparse[page * repo::kPageSize] =
        static_cast<std::uint8_t>(changed ? 100 + version : 1 + page % 90);
  }
  model.plain["PG_VERSION"] = base::ToBytes("15\n");
  model.plain["empty"] = {};
  model.plain["global/1"] = base::Bytes(700, static_cast<std::uint8_t>(version));
  model.plain["pg_xact/0000"] = base::Bytes(30'000, 5);
  return model;
}

class TwoRepositories : public testing::Test {
 protected:
  // Backup `number` of version `number`, built upon the one before it unless it is the first, or
  // is to stand alone.
  void BackUp(int number, bool alone = false) {
    const auto version = static_cast<std::uint32_t>(number);
    std::optional<repo::ModelParent> parent;
    if (number > 1 && !alone) {
      parent = {repo::ReadSnapshot(from.sound(), Id(number - 1)), models.at(number - 1)};
    }
    models[number] = ModelOf(version);
    (void)repo::WriteModel(from.sound(), Id(number), models[number], parent);
  }

  CopyResult Copy(CopyOptions options = {}, const std::vector<repo::BackupId>& only = {}) {
    options.jobs = 1;
    options.notes = notes.path() / "notes";
    const CopyPlan plan = PlanCopy(from.repository(), to.repository(), "shop", only);
    return ExecuteCopy(from.repository(), to.repository(), plan, options, report, {});
  }

  std::vector<std::string> TargetObjects(std::string_view prefix) const {
    std::vector<std::string> names;
    for (const auto& object : storage::ListAll(*to.memory, prefix)) names.push_back(object.name);
    return names;
  }

  // Whatever is listed at the target reads as it was backed up; how many there are.
  std::size_t WholeBackups() {
    const std::vector<repo::Snapshot> backups = repo::ReadSnapshots(to.sound(), "shop");
    for (const repo::Snapshot& backup : backups) {
      const int number = backup.id.name[14] - '0';
      EXPECT_EQ(repo::ReadModel(to.sound(), backup), models.at(number)) << backup.id.ToString();
      ExpectDigestsOfTheTarget(backup);
    }
    return backups.size();
  }

  void ExpectDigestsOfTheTarget(const repo::Snapshot& backup) {
    repo::FrameReader frames(to.sound());
    repo::TreeReader tree(frames, backup.facts.tree);
    while (const auto entry = tree.Next()) {
      if (std::holds_alternative<repo::PagedContent>(entry->content)) continue;
      EXPECT_EQ(entry->digest, repo::DigestOf(to.sound().keyring(), frames.Content(*entry)))
          << entry->path;
    }
  }

  repo::TestRepository from;
  repo::TestRepository to;
  std::map<int, repo::Model> models;
  base::NullReporter report;
  storage::TemporaryDirectory notes;
};

}  // namespace holdfast::replicate
