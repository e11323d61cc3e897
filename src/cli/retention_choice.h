// Which retention of the configuration governs what lies in a repository: pure decisions
// (docs/operate/retention.md).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "config/config.h"
#include "repo/snapshot.h"
#include "upkeep/forget.h"
#include "upkeep/retention.h"

namespace holdfast::cli {

// The label by which a backup belongs to a job.
inline constexpr std::string_view kJobLabel = "job";

upkeep::RetentionPolicy PolicyOf(const config::Retention& retention);

// In a source's own repository: that of the job that the backup's label names; else the source's;
// where it has none, that of its only job of this kind that has one. In the repository of a copy:
// the copy's. Empty: none, and the backup is kept.
std::optional<upkeep::NamedPolicy> ChoosePolicy(const config::Config& config,
                                                const std::string& repository,
                                                const repo::Snapshot& backup);

// May any backup of the source in this repository be let go by policy?
bool HasPolicy(const config::Source& source, const std::string& repository);

// Of every source that limits its window there, the most days that it asks for anywhere.
std::map<std::string, base::Duration> LogWindows(const config::Config& config,
                                                 const std::string& repository);

}  // namespace holdfast::cli
