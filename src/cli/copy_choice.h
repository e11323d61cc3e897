// What of a source belongs into the repository of a copy: pure decisions by its retention there.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "replicate/copy.h"
#include "upkeep/log_needs.h"

namespace holdfast::cli {

// Backups that the retention of the target would let go as soon as they arrived: copying them would
// be in vain, time and again. `pinned` ones are kept by any.
std::set<repo::BackupId> NotKeptThere(const config::Config& config, const std::string& repository,
                                      const replicate::CopyPlan& plan,
                                      const std::set<repo::BackupId>& pinned, base::Time now);

// Where the target limits how far back every moment is within reach: the WAL that it needs for the
// backups of the plan and those it has. Empty: it does not limit it.
std::optional<replicate::WantsSegment> SegmentsWithin(
    std::optional<base::Duration> window, const replicate::CopyPlan& plan,
    const std::vector<upkeep::ArchivedTimeline>& archived, base::Time now);

}  // namespace holdfast::cli
