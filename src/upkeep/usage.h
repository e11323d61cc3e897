// What a repository's backups and logs occupy, by names, sizes and what stands in clear: no key is
// needed, and no content is read (docs/operate/usage.md).
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repo/ids.h"
#include "storage/storage.h"
#include "upkeep/amount.h"
#include "upkeep/log_scan.h"

namespace holdfast::upkeep {

struct BackupUsage {
  repo::BackupId id;
  std::string kind;
  base::Time stored;       // on the store's clock
  bool forgotten = false;  // and not pinned: it goes when prune has been there
  Amount packs;            // all that it needs
  // Of those, the ones that no other backup in the list needs: what goes with it. Of a forgotten
  // one: that no backup in the list needs.
  std::optional<Amount> unique;     // empty where that cannot be known: see Usage::unreadable
  std::uint64_t record = 0;         // bytes of its snapshot object
  std::uint64_t missing_packs = 0;  // that it needs, and that are not there
};

// One timeline of one cluster's log: whole segments, .partial and .backup files, tails.
struct LogUsage {
  std::uint64_t system = 0;
  std::uint32_t timeline = 0;
  std::uint64_t start = 0;  // the first segment's start
  std::uint64_t end = 0;    // the last one's end
  base::Time oldest;        // when the first and the last object was stored
  base::Time newest;
  Amount objects;  // segments, their tails and summaries
  // Of them, those that are no tails nor summaries and were stored in the last 30 days.
  std::uint64_t files_last_month = 0;
};

// Bytes that were stored lately and are still there; without what is replaced all the time.
struct Growth {
  std::uint64_t last_week = 0;
  std::uint64_t last_month = 0;  // 30 days
};

struct SourceUsage {
  std::string source;
  std::vector<BackupUsage> backups;  // ascending by id
  Amount packs;                      // that its backups in the list need, each once
  std::vector<LogUsage> logs;
  Growth growth;
};

struct Usage {
  base::Time now;
  // Of one listing: every object, and of these by prefix what lies among the packs and the WAL.
  Amount all;
  Amount packs;
  Amount log;
  // Packs that no backup in the list needs: of forgotten, failed, running ones. Empty where that
  // cannot be known.
  std::optional<Amount> unneeded;
  Growth growth;
  std::optional<base::Time> oldest;  // object that is not replaced
  std::vector<SourceUsage> sources;  // ascending
  // Backups whose records cannot be read, with the reason: what only they need is not known.
  std::vector<std::string> unreadable;
  // Names in the archives of WAL that are not understood, or lie where cannot be told.
  std::vector<std::string> unknown;
};

// Writes nothing, so that `now` is a clock near the store's. `jobs` records are read at a time.
// Memory: 60 bytes for each pack, and a bit for each pack and source.
Usage MeasureUsage(storage::Storage& storage, base::Time now, int jobs,
                   const std::stop_token& stop);

// What comes in 30 days at the pace of the time that `oldest` covers, 30 days at most. Empty for
// less than 14 days, most of which is the first full backup, which does not come again.
std::optional<std::uint64_t> MonthlyGrowth(const Usage& usage);

}  // namespace holdfast::upkeep
