// What backups asked of their store, as they recorded it themselves.
#pragma once

#include <map>
#include <string>

#include "catalog/cluster_facts.h"
#include "cli/session.h"

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

// "put 12, list 3, get 40, head 2, delete 1; 3.0 MiB sent, 1.0 MiB received".
std::string RequestsText(const catalog::RequestFacts& requests);

}  // namespace holdfast::cli
