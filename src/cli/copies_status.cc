#include "cli/copies_status.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "catalog/cluster_facts.h"
#include "cli/copy_queue.h"
#include "cli/open_repository.h"
#include "repo/snapshot.h"
#include "storage/s3_url.h"
#include "wal/archive.h"
#include "wal/coverage.h"

namespace holdfast::cli {
namespace {

constexpr std::string_view kFileScheme = "file://";

std::string FileSystemOf(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return path;
  return fmt::format("file system {}", status.st_dev);
}

bool IsThisMachine(std::string_view endpoint) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (endpoint.starts_with(scheme)) endpoint.remove_prefix(scheme.size());
  }
  return endpoint.starts_with("localhost") || endpoint.starts_with("127.") ||
         endpoint.starts_with("[::1]");
}

HeldPlace PlaceOf(const config::Repository& repository) {
  if (repository.url.starts_with(storage::kS3Scheme)) {
    const std::string& endpoint = repository.s3.endpoint;
    return {.name = repository.name,
            .medium = endpoint.empty() ? "Amazon S3 " + repository.s3.region : endpoint,
            .elsewhere = !IsThisMachine(endpoint)};
  }
  const std::string path = repository.url.starts_with(kFileScheme)
                               ? repository.url.substr(kFileScheme.size())
                               : repository.url;
  return {.name = repository.name, .medium = FileSystemOf(path)};
}

// From the newest backup on, along the timeline that the source itself was last seen on.
void ReadWal(const repo::Repository& repository, const std::string& source,
             const repo::LogRange& log, CopyFacts& copy) {
  const pg::SystemIdentifier system(log.system);
  wal::Archive archive(repository, source);
  const wal::Inventory inventory = archive.Take(system);
  if (inventory.ranges.empty()) return;
  const pg::TimelineId timeline =
      archive.RecordedTimeline(system).value_or(pg::TimelineId(log.timeline));
  wal::Lineage lineage = {{.timeline = timeline, .begin = pg::Lsn(), .end = std::nullopt}};
  if (const auto history = archive.History(system, timeline)) lineage = history->Spans();
  const wal::Reach reach = wal::FollowWal(inventory, lineage, pg::Lsn(log.start));
  copy.wal_end = reach.end;
  if (reach.first_gap) copy.wal_gap = reach.first_gap->ToString(inventory.segment_size);
}

void ReadCopy(Session& session, const config::Source& source, CopyFacts& copy) {
  const repo::Repository repository =
      OpenRepository(session, session.config().RepositoryNamed(copy.repository));
  const auto damaged = [&](const repo::BackupId& id, const base::Error&) {
    copy.damaged.push_back(id.ToString());
  };
  const std::vector<repo::Snapshot> backups = repo::ReadSnapshots(repository, source.name, damaged);
  copy.backups = backups.size();
  if (backups.empty()) return;
  copy.newest = NewestBackup{.id = backups.back().id.ToString(),
                             .kind = backups.back().facts.kind,
                             .finished = backups.back().facts.finished,
                             .size = backups.back().facts.tree.total_size};
  const auto& log = backups.back().facts.log;
  if (log) ReadWal(repository, source.name, *log, copy);
}

// Why WAL that this host brings did not get to the copy at last.
std::string ForwardProblem(Session& session, const config::Source& source,
                           const std::string& copy) {
  try {
    return CopyQueue(session.config().state_directory, source.name, copy).Problem();
  } catch (const base::Error& error) {
    return "whether it does is unknown: " + error.message();
  }
}

}  // namespace

std::vector<CopyFacts> GatherCopies(Session& session, const config::Source& source) {
  std::vector<CopyFacts> copies;
  for (const config::Copy& configured : source.copies) {
    CopyFacts copy{.repository = configured.repository};
    copy.forward_problem = ForwardProblem(session, source, copy.repository);
    try {
      ReadCopy(session, source, copy);
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) throw;
      copy.problem = error.message();
    }
    copies.push_back(std::move(copy));
  }
  return copies;
}

std::vector<HeldPlace> PlacesThatHold(Session& session, const config::Source& source,
                                      bool own_holds, const std::vector<CopyFacts>& copies) {
  std::vector<HeldPlace> places = {{.name = "the server",
                                    .medium = source.data_directory
                                                  ? FileSystemOf(source.data_directory->string())
                                                  : "the server"}};
  if (own_holds) places.push_back(PlaceOf(session.config().RepositoryNamed(source.repository)));
  for (const CopyFacts& copy : copies) {
    if (copy.problem.empty() && copy.backups > 0)
      places.push_back(PlaceOf(session.config().RepositoryNamed(copy.repository)));
  }
  return places;
}

}  // namespace holdfast::cli
