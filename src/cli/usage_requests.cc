#include "cli/usage_requests.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/open.h"

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

// For one file, as measured. `wal push` opens the repository each time.
constexpr LogRequests kPushed{.files = 1, .put = 3, .list = 5, .get = 4, .head = 1};
constexpr LogRequests kStreamed{.files = 1, .put = 2, .list = 3, .get = 1, .head = 0};

// Copies receive by name too, from a process that goes on.
const LogRequests& OneFileOf(const config::Config& config, const config::Repository& repository,
                             const std::string& source) {
  const auto found = std::ranges::find(config.sources, source, &config::Source::name);
  if (found == config.sources.end()) return kPushed;
  const bool own = config.RepositoryNamed(found->repository).name == repository.name;
  return own && found->wal != config::WalMode::kStream ? kPushed : kStreamed;
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

std::map<std::string, LogRequests> EstimateLogRequests(const config::Config& config,
                                                       const config::Repository& repository,
                                                       const upkeep::Usage& usage) {
  std::map<std::string, LogRequests> estimates;
  if (!storage::IsS3(repository.url)) return estimates;
  for (const upkeep::SourceUsage& source : usage.sources) {
    std::uint64_t files = 0;
    for (const upkeep::LogUsage& log : source.logs) files += log.files_last_month;
    if (files == 0) continue;
    const LogRequests& one = OneFileOf(config, repository, source.source);
    estimates[source.source] = {.files = files,
                                .put = files * one.put,
                                .list = files * one.list,
                                .get = files * one.get,
                                .head = files * one.head};
  }
  return estimates;
}

std::string LogRequestsText(const LogRequests& requests) {
  return fmt::format("put {}, list {}, get {}, head {}", requests.put, requests.list, requests.get,
                     requests.head);
}

}  // namespace holdfast::cli
