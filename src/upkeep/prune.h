// Deleting what nothing needs any more: the only thing in holdfast that deletes what backups are
// made of (docs/format/protocol.md, docs/operate/retention.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/reporter.h"
#include "repo/ids.h"
#include "repo/protocol_times.h"
#include "storage/storage.h"
#include "upkeep/amount.h"
#include "upkeep/log_scan.h"

namespace holdfast::upkeep {

struct PruneOptions {
  base::Duration grace = repo::kGrace;
  // The word without which a grace below kGrace is refused: no other program at work on this
  // repository is slower than that.
  bool short_grace = false;
  // A run that would let more than this many of a hundred bytes go is refused; 100: none is.
  unsigned allowed_share = 50;
  // Go on although a backup that is kept lacks a pack.
  bool despite_damage = false;
  // By source: how far back every moment must stay within reach. What is not named keeps all log
  // from its oldest backup on.
  std::map<std::string, base::Duration> log_windows = {};
  bool dry_run = false;
  int jobs = 8;
};

struct PrunedLog {
  LogPlace place;
  std::uint32_t timeline = 0;
  Amount removed;    // by a list that was due
  Amount condemned;  // by the list that this run puts
  Amount waiting;    // on a list that is not yet due, or for a list to be put
  Amount kept;
};

struct KeptBackup {
  repo::BackupId id;
  std::string why;
};

// What was done; of a dry run, what would have been done.
struct PruneResult {
  Amount packs_removed;
  Amount packs_condemned;
  Amount packs_waiting;
  Amount packs_kept;
  std::uint64_t packs_spared = 0;               // on a list that was due, and needed again
  std::vector<repo::BackupId> backups_removed;  // their records
  std::vector<KeptBackup> backups_kept;         // forgotten, and yet kept
  std::vector<PrunedLog> logs;                  // ascending by place and timeline
  std::uint64_t leases_removed = 0;
  std::uint64_t pins_removed = 0;
  std::uint64_t lists_removed = 0;
  std::uint64_t leftovers_removed = 0;  // of crashed puts; not looked for by a dry run
  std::optional<base::Time> next_due;   // when there is more to delete, if nothing else happens
  std::vector<std::string> notes;       // what was kept because it is not understood
  std::vector<std::string> warnings;    // what the store refused, what is damaged
};

// Needs no key. May run beside anything, itself included; one that is killed is completed by the
// next. Error(kUsage): the grace is too short, or this program too old to prune this repository.
// Error(kCorrupt): something that says what is needed cannot be read, or a backup lacks a pack.
// Error(kConflict): the run would let go more than the allowed share. In each case nothing was
// deleted.
PruneResult Prune(storage::Storage& storage, const PruneOptions& options, base::Reporter& report,
                  const std::stop_token& stop);

}  // namespace holdfast::upkeep
