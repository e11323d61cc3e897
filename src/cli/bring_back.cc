#include "cli/bring_back.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "cli/copy_source.h"
#include "cli/source_access.h"
#include "cli/source_places.h"
#include "replicate/heal.h"
#include "repo/snapshot.h"

namespace holdfast::cli {
namespace {

using base::Error;

std::vector<const config::Repository*> OtherPlaces(Session& session,
                                                   const BringBackRequest& request) {
  std::vector<const config::Repository*> places;
  const auto add = [&](const std::string& name) {
    const config::Repository& place = session.config().RepositoryNamed(name);
    const bool known = std::ranges::find(places, &place) != places.end();
    if (name != request.settings->name && !known) places.push_back(&place);
  };
  for (const config::Source& source : session.config().sources) {
    if (source.name != request.source) continue;
    add(source.repository);
    for (const config::Copy& copy : source.copies) add(copy.repository);
  }
  return places;
}

void Tell(const std::vector<replicate::CopyFailure>& failures, const std::string& place,
          BringBackResult& result) {
  for (const replicate::CopyFailure& failure : failures) {
    result.warnings.push_back(fmt::format("{} is not brought back from {}: {}", failure.what, place,
                                          failure.error.message()));
  }
}

class OnePlace {
 public:
  OnePlace(Session& session, const repo::Repository& damaged, const BringBackRequest& request,
           const config::Repository& place, BringBackResult& result, BroughtBack& brought)
      : session_(session),
        damaged_(damaged),
        request_(request),
        place_(place),
        result_(result),
        brought_(brought),
        from_(OpenPlace(session, place)) {
    from_.RequireContentKey("bringing back what is lost");
  }

  void Run(const std::vector<std::string>& wal, replicate::HealRequest backups) {
    BringWal(wal);
    BringBackups(std::move(backups));
  }

 private:
  // As copy does, but for backups: what the target lacks of those it may have let go itself.
  void BringWal(const std::vector<std::string>& damaged_files) {
    replicate::LogHeal heal =
        replicate::HealLog(from_, damaged_, damaged_files, request_.dry_run, session_.stop());
    Tell(heal.failures, place_.name, result_);
    brought_.wal_healed = std::move(heal.healed);
    const CopyRequest copy{.from = &place_, .to = request_.settings, .source = request_.source};
    replicate::CopyPlan plan = replicate::PlanCopy(from_, damaged_, request_.source, {});
    for (const repo::Snapshot& backup : plan.backups) brought_.only_there.push_back(backup.id);
    // Without a backup WAL is of no use.
    if (repo::ListBackups(damaged_, request_.source).empty()) return;
    plan.backups.clear();
    plan.failures.clear();
    replicate::CopyOptions options;
    options.dry_run = request_.dry_run;
    options.wants_segment = SegmentsFor(session_, from_, copy, plan);
    const replicate::CopyResult copied = replicate::ExecuteCopy(
        from_, damaged_, plan, options, session_.reporter(), session_.stop());
    brought_.wal_files = copied.log.files;
    brought_.bytes_stored += copied.log.bytes;
    Tell(copied.failures, place_.name, result_);
  }

  void BringBackups(replicate::HealRequest heal) {
    heal.options.pack_size = request_.settings->pack_size;
    heal.options.compression = CompressionOf(*request_.settings);
    heal.options.dry_run = request_.dry_run;
    replicate::HealResult healed;
    const auto keep = [&] {
      Tell(healed.failures, place_.name, result_);
      brought_.healed = std::move(healed.healed);
      brought_.bytes_stored += healed.bytes_stored;
    };
    try {
      replicate::HealBackups(from_, damaged_, heal, healed, session_.reporter(), session_.stop());
    } catch (...) {
      keep();
      throw;
    }
    keep();
  }

  Session& session_;
  const repo::Repository& damaged_;
  const BringBackRequest& request_;
  const config::Repository& place_;
  BringBackResult& result_;
  BroughtBack& brought_;
  const repo::Repository from_;
};

// As they are now: what is another later was healed by somebody.
std::map<repo::BackupId, codec::Digest> RecordsOf(const repo::Repository& damaged,
                                                  const std::vector<repo::BackupId>& backups) {
  std::map<repo::BackupId, codec::Digest> records;
  for (const repo::BackupId& id : backups) {
    const auto record = damaged.storage().Get(repo::SnapshotObject(id));
    if (record) records.emplace(id, codec::Sha256(*record));
  }
  return records;
}

}  // namespace

BringBackResult BringBack(Session& session, const repo::Repository& damaged,
                          const BringBackRequest& request) {
  BringBackResult result;
  const std::vector<const config::Repository*> places = OtherPlaces(session, request);
  if (!places.empty() && damaged.access() == repo::KeyAccess::kAddOnly) {
    result.warnings.emplace_back(
        "nothing is brought back from copies: that needs a key that opens everything, and the one "
        "in use may only add");
    return result;
  }
  replicate::HealRequest heal{.source = request.source, .backups = request.backups};
  if (!places.empty()) heal.records = RecordsOf(damaged, request.backups);
  heal.altered = request.altered;
  std::vector<std::string> wal = request.wal;
  for (const config::Repository* place : places) {
    BroughtBack brought{.from = place->name};
    bool opened = false;
    try {
      OnePlace there(session, damaged, request, *place, result, brought);
      opened = true;
      there.Run(wal, heal);
    } catch (const Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) throw;
      result.warnings.push_back(
          fmt::format("not all is brought back from {}: {}", place->name, error.message()));
    }
    // Also what was done before something failed: the next place must not do it again.
    std::erase_if(heal.backups, [&](const repo::BackupId& id) {
      return std::ranges::find(brought.healed, id) != brought.healed.end();
    });
    std::erase_if(wal, [&](const std::string& object) {
      return std::ranges::find(brought.wal_healed, object) != brought.wal_healed.end();
    });
    if (opened) result.places.push_back(std::move(brought));
  }
  return result;
}

}  // namespace holdfast::cli
