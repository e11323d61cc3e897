// Restoring a PostgreSQL cluster: plan, then execute.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/reporter.h"
#include "catalog/cluster_facts.h"
#include "pg/lsn.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "restore/config_places.h"
#include "restore/lost_pages.h"
#include "restore/reach.h"
#include "restore/target.h"
#include "wal/coverage.h"

namespace holdfast::restore {

class OtherCopies;

// Another repository that may have the same backups. Opened when something is wanted from it: what
// `open` throws says why it cannot be had.
struct OtherPlace {
  std::string name;
  std::function<repo::Repository()> open;
};

struct RestoreOptions {
  std::string source;
  base::Path to;  // absent or empty directory
  // `to` may hold the cluster itself, stopped: what it has that is right stays, and only what
  // differs is fetched and written.
  bool in_place = false;
  // In place: of the cluster's pages only those are read that the WAL says were changed since the
  // backup, if all that must hold for it does (known_history.h); else it is a warning.
  bool trust_history = false;
  // The repository it reads from, keys, state: nothing is restored into them, and a restore in
  // place must not find them in the directories that it clears.
  std::vector<base::Path> precious = {};
  std::optional<repo::BackupId> backup;  // absent: chosen for the target
  TargetOptions target;
  std::map<std::string, base::Path> tablespaces;  // old location, name or OID → new location
  int jobs = 4;  // more than cores: some wait for the store while others unpack
  // What is lost is left out, and named, instead of refused. Not in place.
  bool allow_damaged = false;
  bool replaces_source = false;  // it takes the source's place: archiving and standbys stay
  // The command line that recovery runs for WAL, without %f and %p: "'/usr/bin/holdfast' --config
  // '...' wal fetch --source 'shop'".
  std::string fetch_command;
  std::string time_zone = "UTC";  // for messages
  // For what the repository cannot give, piece by piece, in this order.
  std::vector<OtherPlace> others;
};

// What is written does when a server is started on it.
enum class StartsAs {
  kRecovery,    // it recovers to the target, with WAL from the repository
  kBaseBackup,  // it recovers to the backup's end, with the WAL beside it: an export
};

// Everything a restore will do, decided and checked before a byte is written.
struct RestorePlan {
  StartsAs starts_as = StartsAs::kRecovery;
  repo::Snapshot backup;
  catalog::ClusterFacts facts;
  wal::Lineage lineage;  // up to the target timeline
  pg::TimelineId target_timeline;
  pg::Lsn wal_end;  // how far WAL reaches on the lineage
  std::optional<base::Time> last_commit;
  std::optional<GapAhead> gap;  // at wal_end: the latest moment is in front of it
  TargetOptions target;
  base::Path to;
  bool allow_damaged = false;                     // of a new directory
  bool in_place = false;                          // a cluster is there
  std::uint64_t strangers = 0;                    // of it, files and folders that go
  std::vector<std::string> first_strangers = {};  // not more than some
  std::vector<std::string> unarchived_wal = {};   // of it, files that are put aside
  std::map<pg::Oid, base::Path>
      tablespaces;  // every tablespace outside the data directory and where it goes
  ConfigPlaces config;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // to be written
  std::uint64_t packs = 0;
  std::shared_ptr<OtherCopies> others;
  std::vector<std::string> warnings;
  std::vector<std::string> told;  // warnings that the reporter had when they were found
};

// Throws with the nearest reachable times when the target is out of reach, naming packs or WAL that
// are missing, refusing running servers, other clusters, and without `in_place` the source itself
// and all directories that are not empty; checks the room on the disk. What is missing and lies in
// another place is a warning.
RestorePlan PlanRestore(const repo::Repository& repository, const RestoreOptions& options,
                        base::Reporter& report);

// A file that is not what it was. Without pages nothing of it was known, and it is left out; these
// pages are zeros.
struct LostContent {
  std::string path;
  std::vector<LostPages> pages;
};

struct RestoreResult {
  std::uint64_t files = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_kept = 0;        // in place: they were right already
  bool history_trusted = false;        // in place: most of them were not even read
  std::vector<LostContent> lost = {};  // only where that was allowed
  std::vector<std::string> warnings;
};

// Interrupted at any point it leaves a directory that cannot start as a server (no pg_control) and
// that the same restore may be run into again. Everything is fsynced when it returns.
RestoreResult ExecuteRestore(const repo::Repository& repository, const RestorePlan& plan,
                             const RestoreOptions& options, base::Reporter& report,
                             const std::stop_token& stop);

}  // namespace holdfast::restore
