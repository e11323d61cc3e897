// One source from one repository of the configuration to another: what `copy` does, and `backup`
// for every copy that its source is to have.
#pragma once

#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/session.h"
#include "replicate/copy.h"
#include "repo/repository.h"

namespace holdfast::cli {

struct CopyRequest {
  const config::Repository* from = nullptr;
  const config::Repository* to = nullptr;
  std::string source;
  std::vector<repo::BackupId> only{};  // empty: all that the target's retention keeps
  unsigned jobs = 2;
  bool dry_run = false;
};

struct CopyOutcome {
  replicate::CopyResult result;
  std::vector<repo::BackupId> there;      // before
  std::vector<repo::BackupId> forgotten;  // at the target
  std::vector<repo::BackupId> not_kept;   // by the target's retention
};

CopyOutcome CopySource(Session& session, const repo::Repository& from, const repo::Repository& to,
                       const CopyRequest& request);

// Which WAL the target needs for the backups of the plan and those it has.
replicate::WantsSegment SegmentsFor(Session& session, const repo::Repository& from,
                                    const CopyRequest& request, const replicate::CopyPlan& plan);

// Of all failures the one that weighs most.
ExitCode CodeOf(const replicate::CopyResult& result);

}  // namespace holdfast::cli
