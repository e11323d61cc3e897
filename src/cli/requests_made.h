// What a run asked of its repositories over a network, in words and as JSON.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "catalog/cluster_facts.h"
#include "storage/request_meter.h"

namespace holdfast::cli {

// By the repository's name.
using RequestsMade = std::map<std::string, storage::RequestCounts>;

catalog::RequestFacts RequestFactsOf(const storage::RequestCounts& counts);

// "put 12, list 3, get 40, head 2, delete 1; 3.0 MiB sent, 1.0 MiB received".
std::string RequestsText(const catalog::RequestFacts& requests);

nlohmann::json RequestsMadeJson(const RequestsMade& made);

}  // namespace holdfast::cli
