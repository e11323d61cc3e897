// Backs up a cluster in memory into a repository in memory, and reads it back.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backup/copy_stage.h"
#include "backup/testing/memory_cluster.h"
#include "base/testing/manual_clock.h"
#include "repo/snapshot.h"
#include "storage/memory_storage.h"
#include "storage/testing/faulty_storage.h"

namespace holdfast::backup {

class CopyFixture : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kBlocksPerSegment = 131072;

  CopyFixture();

  void AddRelation(const std::string& path, std::size_t pages, std::uint64_t seed);
  void ChangePage(const std::string& path, std::size_t page, std::uint64_t seed);

  repo::Snapshot BackUp(const std::optional<repo::Snapshot>& parent = {});
  Files ReadBack(const repo::Snapshot& snapshot);

  base::ManualClock clock;
  base::NullReporter report;
  std::shared_ptr<storage::FaultyStorage> faulty =
      std::make_shared<storage::FaultyStorage>(std::make_shared<storage::MemoryStorage>(clock));
  std::optional<repo::Repository> repository;
  MemoryCluster cluster;
  std::optional<CopyCounters> counters;
  std::vector<std::string> warnings;  // of the last backup
  std::set<repo::ShortPackId> decayed;
  catalog::OlderPacksFacts older_packs;  // of the last backup
  std::optional<Audit> audit;
  std::optional<catalog::ChangedPages> known;  // what the WAL says; empty: nothing is known
};

}  // namespace holdfast::backup
