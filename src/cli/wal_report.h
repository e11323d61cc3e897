// What the archive of a source holds and what is wrong with it, for `wal status` and `status`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "wal/archive.h"
#include "wal/coverage.h"

namespace holdfast::cli {

// The holes between an inventory's ranges, per timeline.
std::vector<wal::Gap> GapsOf(const wal::Inventory& inventory);

struct SystemReport {
  pg::SystemIdentifier system;
  wal::Inventory inventory;
  std::vector<wal::Gap> gaps;
  std::vector<std::string> problems;
};
std::vector<SystemReport> ReportOnWal(wal::Archive& archive);

nlohmann::json ToJson(wal::Archive& archive, const SystemReport& report);

}  // namespace holdfast::cli
