// Taking backups out of the repository's lists, by name or by policy (docs/operate/retention.md).
// Nothing is deleted here: prune does that, a day later at the earliest.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "upkeep/examine.h"
#include "upkeep/retention.h"

namespace holdfast::upkeep {

// The policy that governs a backup, with a name for people: "job base".
struct NamedPolicy {
  std::string name;
  RetentionPolicy policy;
};
// Empty: none does, and the backup is kept.
using PolicyOf = std::function<std::optional<NamedPolicy>(const repo::Snapshot&)>;

struct ForgetOptions {
  bool dry_run = false;
  // By name only: also the last good backup of a source and kind.
  bool even_last = false;
  // By name only: also those that were pinned when they were made, in their own records.
  bool even_pinned = false;
  // By policy only: although something looks wrong.
  bool despite_warnings = false;
  // By policy only: a run that takes more than so many of a hundred backups of a source is refused.
  unsigned allowed_share = 50;
  std::string zone = "UTC";
};

struct ForgetVerdict {
  repo::Snapshot backup;
  bool forgotten = false;
  std::vector<std::string> reasons;  // what keeps it
  std::string flaw;                  // why it is not good
};

// Backups that take one another's places: of one source and kind, governed by one policy.
struct ForgetSeries {
  std::string source;
  std::string kind;
  std::string policy;                  // in words; empty where none governs it
  std::vector<ForgetVerdict> backups;  // newest first
  std::vector<std::string> warnings;   // what looks wrong
  // By policy only: why none of it is forgotten though some would be.
  std::optional<base::Error> refusal = std::nullopt;
};

struct ForgetResult {
  std::vector<ForgetSeries> series;
  std::vector<UnreadableBackup> unreadable;
  std::vector<repo::BackupId> forgotten;
};

// `source` empty: all. A series of which some would go is refused, alone, when something looks
// wrong with it, and all of a source when too many would go.
ForgetResult ForgetByPolicy(const repo::Repository& repository, const std::string& source,
                            const PolicyOf& policy_of, const ForgetOptions& options);

// All or none. Error(kConflict) for one that is pinned, and for the last good one of its source and
// kind.
ForgetResult ForgetByName(const repo::Repository& repository,
                          const std::vector<repo::BackupId>& backups, const ForgetOptions& options);

}  // namespace holdfast::upkeep
