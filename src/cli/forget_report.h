// What `forget` did, or would do, in words and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/session.h"
#include "upkeep/forget.h"

namespace holdfast::cli {

// Why a backup stays, and why it counts as it does: "last, days; not good: ...".
std::string WhyText(const upkeep::ForgetVerdict& verdict);

struct ForgetReport {
  std::string repository;
  bool dry_run = false;
  bool by_policy = false;
};
nlohmann::json ForgetJson(Session& session, const ForgetReport& report,
                          const upkeep::ForgetResult& result);
// By policy a table of each series; by name a line for each that went.
void PrintForget(Session& session, const ForgetReport& report, const upkeep::ForgetResult& result);

}  // namespace holdfast::cli
