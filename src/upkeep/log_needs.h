// Which stretches of a source's log anything needs: pure decisions (docs/format/protocol.md). They
// know neither keys nor histories: only what snapshots and leases say in clear.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "repo/condemned.h"
#include "repo/snapshot.h"

namespace holdfast::upkeep {

// A backup that is kept.
struct LoggedBackup {
  repo::LogRange log;
  base::Time stored;  // on the store's clock
};

// What the archive holds of one timeline.
struct ArchivedTimeline {
  std::uint32_t timeline = 0;
  std::uint64_t first_end = 0;  // where the first segment that is there ends
  base::Time newest;            // when something was stored last
};

struct LogUse {
  std::vector<LoggedBackup> backups;
  std::vector<repo::LogRange> open;  // of running backups: their starts
  std::vector<ArchivedTimeline> archived;
};

struct LogWindow {
  // How far back every moment must be within reach; empty: from the oldest backup that is kept.
  std::optional<base::Duration> length;
  base::Time now;
};

std::vector<repo::LogNeed> NeedsOf(const LogUse& use, const LogWindow& window);

// Of the log, the segment [start, end) of a timeline. True for timelines that no backup told of.
bool IsNeeded(const repo::CondemnedLog& log, std::uint32_t timeline, std::uint64_t start,
              std::uint64_t end);

}  // namespace holdfast::upkeep
