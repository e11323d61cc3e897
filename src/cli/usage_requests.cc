#include "cli/usage_requests.h"

#include <fmt/format.h>

#include "base/size_text.h"

namespace holdfast::cli {
namespace {

constexpr base::Duration kMonth = std::chrono::days(30);

void Add(catalog::RequestFacts& sum, const catalog::RequestFacts& more) {
  sum.put += more.put;
  sum.list += more.list;
  sum.get += more.get;
  sum.head += more.head;
  sum.remove += more.remove;
  sum.bytes_sent += more.bytes_sent;
  sum.bytes_received += more.bytes_received;
}

}  // namespace

std::map<std::string, RecordedRequests> RequestsOfLastMonth(const repo::Repository& repository,
                                                            base::Time now) {
  std::map<std::string, RecordedRequests> recorded;
  // Of when they are is not known either.
  const auto unreadable = [](const repo::BackupId&, const base::Error&) {};
  for (const catalog::ClusterBackup& backup : catalog::ClusterBackups(repository, {}, unreadable)) {
    if (now - backup.snapshot.facts.started > kMonth) continue;
    RecordedRequests& source = recorded[backup.snapshot.id.source];
    ++source.backups;
    if (backup.facts.requests) {
      Add(source.sum, *backup.facts.requests);
    } else {
      ++source.unrecorded;
    }
  }
  return recorded;
}

std::string RequestsText(const catalog::RequestFacts& requests) {
  return fmt::format("put {}, list {}, get {}, head {}, delete {}; {} sent, {} received",
                     requests.put, requests.list, requests.get, requests.head, requests.remove,
                     base::FormatBytes(requests.bytes_sent),
                     base::FormatBytes(requests.bytes_received));
}

}  // namespace holdfast::cli
