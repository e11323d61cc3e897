#include "cli/requests_made.h"

#include <fmt/format.h>

#include "base/size_text.h"

namespace holdfast::cli {

catalog::RequestFacts RequestFactsOf(const storage::RequestCounts& counts) {
  return {.put = counts.put,
          .list = counts.list,
          .get = counts.get,
          .head = counts.head,
          .remove = counts.remove,
          .bytes_sent = counts.bytes_sent,
          .bytes_received = counts.bytes_received};
}

std::string RequestsText(const catalog::RequestFacts& requests) {
  return fmt::format("put {}, list {}, get {}, head {}, delete {}; {} sent, {} received",
                     requests.put, requests.list, requests.get, requests.head, requests.remove,
                     base::FormatBytes(requests.bytes_sent),
                     base::FormatBytes(requests.bytes_received));
}

nlohmann::json RequestsMadeJson(const RequestsMade& made) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [repository, counts] : made)
    json[repository] = catalog::ToJson(RequestFactsOf(counts));
  return json;
}

}  // namespace holdfast::cli
