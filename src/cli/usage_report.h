// What `usage` says, in words and as JSON.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/session.h"
#include "cli/usage_requests.h"
#include "config/config.h"
#include "upkeep/usage.h"

namespace holdfast::cli {

using RequestsBySource = std::map<std::string, RecordedRequests>;
using LogRequestsBySource = std::map<std::string, LogRequests>;

// A month's bill by the price list: storage now, and when it has grown for a month; what the
// backups of the last 30 days asked for.
struct MonthlyCost {
  std::string currency;
  double storage = 0;
  std::optional<double> requests;      // empty: they are not known
  std::optional<double> log_requests;  // an estimate; empty: there is none
  std::optional<double> next_month;
  double whole_download = 0;  // of everything once, as a restore from nothing may need
};
struct UsageReport {
  const config::Repository& repository;
  upkeep::Usage usage;
  std::optional<RequestsBySource> requests;  // empty: no key opens the records, or no network
  LogRequestsBySource log_requests;
};

// Empty without prices.
std::optional<MonthlyCost> CostOf(const UsageReport& report);

nlohmann::json UsageJson(Session& session, const UsageReport& report);
void PrintUsage(Session& session, const UsageReport& report);

}  // namespace holdfast::cli
