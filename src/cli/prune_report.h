// What `prune` did, or would do, in words and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/session.h"
#include "upkeep/prune.h"

namespace holdfast::cli {

struct PruneReport {
  std::string repository;
  bool dry_run = false;
};

// "12, 340.0 MiB"; "-" for nothing.
std::string AmountText(const upkeep::Amount& amount);

nlohmann::json PruneJson(Session& session, const PruneReport& report,
                         const upkeep::PruneResult& result);
void PrintPrune(Session& session, const PruneReport& report, const upkeep::PruneResult& result);

}  // namespace holdfast::cli
