// A restore in place that need not read everything: what the WAL says was done to a stopped cluster
// since a backup of it.
//
// A page that no record names is as the backup has it, if every change of a page is in the WAL: the
// backup's start is a checkpoint, and the first change of a page behind a checkpoint is logged
// whole, hint bits included where they are logged at all (page checksums, wal_log_hints). That
// holds for the server that wrote this checkpoint, and for one that was recovered from this very
// backup. It does not for another: a standby made no checkpoint there, and writes what it learns of
// later transactions into pages that it dirtied before. What was done to the files without a server
// (pg_rewind, pg_checksums, a snapshot of the disk that was put back) is in no WAL: hence nobody's
// default.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "catalog/changed_pages.h"
#include "pg/control_file.h"
#include "repo/repository.h"
#include "restore/restore.h"

namespace holdfast::restore {

// Left in a directory that was restored without what was lost: of that no WAL tells.
inline constexpr std::string_view kLossMark = "holdfast.lost";

struct KnownHistory {
  std::optional<catalog::ChangedPages> changed = {};  // since the backup's start
  std::optional<base::Bytes> control = {};            // the control file that this holds for
  std::string why_not = {};  // when there is none: "it was not shut down ..."
};

// Of the cluster in the plan's directory, with `backed_up` for the control file in the backup. What
// is wrong with the history is `why_not`; a store that does not answer is an error.
KnownHistory FindKnownHistory(const repo::Repository& repository, const RestorePlan& plan,
                              const pg::ControlFile& backed_up, const std::stop_token& stop);

}  // namespace holdfast::restore
