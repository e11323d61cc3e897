// One backup, from one repository to another.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <stop_token>

#include "replicate/copy.h"
#include "replicate/copy_notes.h"
#include "replicate/sides.h"
#include "repo/writer.h"

namespace holdfast::replicate {

struct BackupCopyContext {
  const repo::Repository& from;
  const repo::Repository& to;
  const CopyOptions& options;
  CopyNotes& notes;
  base::Reporter& report;
  std::function<void()> keep_alive;  // called now and then, from any thread
  // The target's own record of the backup, which is damaged or needs what is.
  std::optional<repo::ReplacedRecord> in_place_of{};
  std::set<repo::ShortPackId> altered{};  // of the target, as repo::WriterOptions
};

struct CopiedBackup {
  repo::Snapshot snapshot;  // the target's
  std::uint64_t packs = 0;
  std::uint64_t bytes_stored = 0;
};

// The same id and facts, and the pins too unless it is made in place of one. Nothing is published
// unless all of it arrived. Error(kCorrupt) names what is damaged at the origin.
CopiedBackup CopyBackup(const BackupCopyContext& context, const repo::Snapshot& backup,
                        const std::optional<SharedBackup>& shared, const std::stop_token& stop);

}  // namespace holdfast::replicate
