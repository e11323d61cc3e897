#include "upkeep/own_log.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "catalog/cluster_facts.h"
#include "pg/wal_segment.h"
#include "upkeep/cluster_log.h"
#include "wal/object_names.h"

namespace holdfast::upkeep {

namespace {

std::optional<catalog::ClusterFacts> FactsIn(const repo::Snapshot& snapshot) {
  if (snapshot.facts.kind != catalog::kClusterKind) return std::nullopt;
  try {
    return catalog::FactsOf(snapshot);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return std::nullopt;  // without them nothing is known of its WAL
  }
}

class OwnLogs {
 public:
  OwnLogs(const repo::Repository& repository, DamageLog& log)
      : repository_(repository), log_(log), damaged_(log.objects()) {}

  void Check(const repo::Snapshot& backup, const catalog::ClusterFacts& facts) {
    const auto size = pg::SegmentSize::FromBytes(facts.wal_segment_size);
    const std::string prefix = wal::WalPrefix(backup.id.source, facts.system);
    const pg::Lsn reach = LogOf(backup.id.source, facts.system).ReachOf(facts);
    const pg::SegmentNumber last = pg::SegmentOfByteBefore(facts.stop_lsn, size);
    for (auto segment = pg::SegmentOfByteAt(facts.start_lsn, size); segment <= last;
         segment = pg::NextSegment(segment)) {
      const std::string name = pg::FormatSegmentName(facts.timeline, segment, size);
      const std::string file = wal::FilePrefix(prefix, facts.timeline, name);
      HitBy(file, backup.id);
      const pg::Lsn needed = std::min(pg::SegmentEnd(segment, size), facts.stop_lsn);
      // The first that is missing: what lies behind it is not known.
      if (reach < needed) return AddMissing(file.substr(0, file.size() - 1), backup.id);
    }
  }

 private:
  const ClusterLog& LogOf(const std::string& source, pg::SystemIdentifier system) {
    const auto known = logs_.find({source, system});
    if (known != logs_.end()) return known->second;
    return logs_.try_emplace({source, system}, repository_, source, system).first->second;
  }

  void HitBy(const std::string& file_prefix, const repo::BackupId& backup) {
    for (const std::string& object : damaged_) {
      if (object.starts_with(file_prefix)) log_.AddHit(object, {.backup = backup.ToString()});
    }
  }

  void AddMissing(const std::string& file, const repo::BackupId& backup) {
    log_.Add(file, "it is missing, or not all of it is there, and makes a backup consistent");
    log_.AddHit(file, {.backup = backup.ToString()});
  }

  const repo::Repository& repository_;
  DamageLog& log_;
  const std::vector<std::string> damaged_;
  std::map<std::pair<std::string, pg::SystemIdentifier>, ClusterLog> logs_;
};

}  // namespace

void CheckOwnLogs(const repo::Repository& repository, const std::vector<repo::Snapshot>& backups,
                  DamageLog& log) {
  OwnLogs logs(repository, log);
  for (const repo::Snapshot& backup : backups) {
    if (const auto facts = FactsIn(backup)) logs.Check(backup, *facts);
  }
}

}  // namespace holdfast::upkeep
