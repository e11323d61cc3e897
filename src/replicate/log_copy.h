// The WAL archive of a source, from one repository to another.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/reporter.h"
#include "pg/lsn.h"
#include "repo/repository.h"
#include "repo/snapshot.h"

namespace holdfast::replicate {

// What could not be copied, and why; all else was.
struct CopyFailure {
  std::string what;  // "backup shop/...", "WAL file 0000..."
  base::Error error;
};

// Does the target need the segment [start, end) of a timeline?
using WantsSegment = std::function<bool(pg::SystemIdentifier system, pg::TimelineId timeline,
                                        pg::Lsn start, pg::Lsn end)>;

// Of each cluster the name of a segment.
using SegmentNames = std::map<pg::SystemIdentifier, std::string>;

struct LogCopyOptions {
  std::string source;
  WantsSegment wants{};  // empty: all
  // For who copies again and again: only what comes behind these is looked at.
  SegmentNames after{};
  std::vector<pg::SystemIdentifier> systems{};  // the same; empty: all that are there
  bool dry_run = false;
  std::function<void()> keep_alive = [] {};  // called between files
};

struct LogCopyResult {
  std::uint64_t files = 0;  // segments, histories and what else a server archives
  std::uint64_t tails = 0;  // of open segments
  std::uint64_t bytes = 0;  // of their content
  // Up to which both have all that was wanted; behind one that could not be copied nothing counts.
  SegmentNames newest{};
  std::vector<pg::SystemIdentifier> systems{};  // that were looked at
  std::vector<CopyFailure> failures;
};

// Copies by name what the target lacks, in order, so that an interrupted run leaves no gap behind
// it. Every file is opened and compared with its digest, and checked once more by the target's
// archive. History files and the newest segment that both have are compared: where they differ, the
// two are logs of different servers, and nothing of the cluster is copied. No file is ever
// replaced. Damaged and forked files are among the failures; what is unreachable throws.
LogCopyResult CopyLog(const repo::Repository& from, const repo::Repository& to,
                      const LogCopyOptions& options, base::Reporter& report,
                      const std::stop_token& stop);

// Copies these files of one cluster in this order, for who knows that the target has all else; the
// number of requests does not grow with the archive. Throws at the first that cannot be copied, and
// leaves the rest.
void CopyLogFiles(const repo::Repository& from, const repo::Repository& to,
                  const std::string& source, pg::SystemIdentifier system,
                  const std::vector<std::string>& names, const std::stop_token& stop);

// Is all of this stretch in the archive, from its start to its stop?
bool HasLog(const repo::Repository& repository, const std::string& source,
            const repo::LogRange& range);

}  // namespace holdfast::replicate
