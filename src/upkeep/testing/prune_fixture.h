// A repository in memory on whose clock days go by between one prune and the next.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "repo/testing/model_backup.h"
#include "upkeep/prune.h"

namespace holdfast::upkeep {

class PruneFixture : public testing::Test {
 protected:
  PruneFixture();

  // Makes a backup of a model of its own; without a parent it shares nothing.
  repo::Snapshot BackUp(const std::string& id, std::uint32_t version,
                        const std::string& parent = {});
  // A snapshot of kind "cluster" that needs no packs, and this stretch of a log.
  void PutLogged(const std::string& id, std::uint32_t timeline, std::uint64_t start,
                 std::uint64_t stop, std::uint64_t system = 7);
  // Segments of 1 MiB of "shop", system 7. A second goes by.
  void PutSegments(std::uint32_t timeline, int first, int last);
  std::vector<int> Segments(std::uint32_t timeline) const;

  void Forget(const std::string& id, std::string_view contents = {});
  PruneResult Run(const PruneOptions& options = {});
  // Lets a day go by before.
  PruneResult RunADayLater(const PruneOptions& options = {});
  base::ErrorKind Refused(const PruneOptions& options = {});

  std::vector<std::string> Objects(std::string_view prefix = {}) const;
  bool IsThere(const std::string& object) const { return test.memory->Stat(object).has_value(); }
  // Every backup that is listed reads back as it was written.
  void ExpectAllReadable();

  repo::TestRepository test;
  std::map<repo::BackupId, repo::Model> models;
  base::NullReporter report;
};

repo::BackupId Id(const std::string& name);  // "shop/1": a backup of shop

}  // namespace holdfast::upkeep
