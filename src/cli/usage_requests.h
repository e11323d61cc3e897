// What backups asked of their store, as they recorded it themselves, and what WAL is likely to
// have.
#pragma once

#include <map>
#include <string>

#include "catalog/cluster_facts.h"
#include "config/config.h"
#include "upkeep/usage.h"

namespace holdfast::cli {

struct RecordedRequests {
  std::uint64_t backups = 0;     // of the last 30 days, in the list
  std::uint64_t unrecorded = 0;  // of them, those that tell nothing
  catalog::RequestFacts sum;
};

// By source. `now` on the hosts' clocks. Backups that cannot be read do not count: when they
// were made is not known.
std::map<std::string, RecordedRequests> RequestsOfLastMonth(const repo::Repository& repository,
                                                            base::Time now);

// An estimate: nobody records what WAL asks for, and what can be counted is its files that are
// still there. Tails, and what a receiver asks when it starts, come on top.
struct LogRequests {
  std::uint64_t files = 0;  // stored in the last 30 days
  std::uint64_t put = 0;
  std::uint64_t list = 0;
  std::uint64_t get = 0;
  std::uint64_t head = 0;
};
// By source; those without such files are left out. Of a directory, nothing.
std::map<std::string, LogRequests> EstimateLogRequests(const config::Config& config,
                                                       const config::Repository& repository,
                                                       const upkeep::Usage& usage);
// "put 120, list 180, get 60, head 0".
std::string LogRequestsText(const LogRequests& requests);

}  // namespace holdfast::cli
