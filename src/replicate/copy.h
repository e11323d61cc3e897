// Copying backups and WAL of a source from one repository to another.
//
// Both have keys and an id of their own: everything is opened with the one's keys and sealed with
// the other's. A backup is published at the target as any backup is (docs/format/protocol.md), with
// its own WAL there before it.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/reporter.h"
#include "codec/compress.h"
#include "replicate/log_copy.h"
#include "repo/repository.h"
#include "repo/snapshot.h"

namespace holdfast::replicate {

struct CopyPlan {
  std::string source;
  // The origin's, oldest first.
  std::vector<repo::Snapshot> backups;    // that the target lacks
  std::vector<repo::Snapshot> there;      // that are in both
  std::vector<repo::Snapshot> of_target;  // all of the target
  std::vector<repo::BackupId> forgotten;  // that were forgotten at the target
  std::vector<CopyFailure> failures;      // that cannot be read, or differ from the target's
};

// `only`: those backups; empty: all. Error(kConflict) when both are the same repository, and when
// one of `only` was forgotten at the target.
CopyPlan PlanCopy(const repo::Repository& from, const repo::Repository& to,
                  const std::string& source, const std::vector<repo::BackupId>& only);

// All WAL since the oldest backup that the target has or gets.
WantsSegment SinceTheOldestBackup(const CopyPlan& plan);

struct CopyOptions {
  int jobs = 2;  // packs at a time; each takes twice a pack's size of memory
  // A pack that would get larger than this, of content that compresses well and is not to be
  // compressed there, is compressed all the same: memory has a bound.
  std::uint64_t most_pack_bytes = 128 * base::kMiB;
  std::uint64_t pack_size = 32 * base::kMiB;  // of metadata; packs of content keep their size
  codec::CompressionOptions compression{};
  WantsSegment wants_segment{};       // empty: SinceTheOldestBackup
  std::optional<base::Path> notes{};  // see CopyNotes
  bool dry_run = false;
};

struct CopyResult {
  std::vector<repo::BackupId> copied;  // or that would be
  std::uint64_t packs = 0;             // of content
  std::uint64_t bytes_stored = 0;      // of packs
  LogCopyResult log;                   // its failures are among those below
  std::vector<CopyFailure> failures;
  std::vector<std::string> warnings;
};

// WAL first, then the backups, each with all it needs. What is damaged at the origin, or
// contradicts the target, is among the failures, and everything else is copied; what is unreachable
// throws. An interrupted run leaves the target whole, and the next one goes on with what is there.
CopyResult ExecuteCopy(const repo::Repository& from, const repo::Repository& to,
                       const CopyPlan& plan, const CopyOptions& options, base::Reporter& report,
                       const std::stop_token& stop);

}  // namespace holdfast::replicate
