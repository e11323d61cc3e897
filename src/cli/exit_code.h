// The exit codes that scripts, cron and PostgreSQL rely on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::cli {

enum class ExitCode : int {
  kDone = 0,
  kAttention = 1,  // done, but something needs attention
  kUsage = 2,
  kNotFound = 3,
  kRefused = 4,
  kUnavailable = 5,
  kCorrupt = 6,
  kInterrupted = 7,
  kInternal = 70,
};

// For the `wal` commands that PostgreSQL runs itself. restore_command: 1 to 125 is "the file does
// not exist", which ends recovery; above it, recovery stops with an error and can be tried again.
// archive_command: above 125 the archiver itself ends.
inline constexpr int kFetchAbsent = 1;
inline constexpr int kFetchFailed = 126;
// `wal prefetch` and `wal forward` outlive the command that PostgreSQL ran. In a container its
// postmaster is process 1, and so becomes their parent; a child that it does not know and that ends
// with anything but 0 or 1 it takes for a crashed backend, and restarts everything.
inline constexpr int kDetachedFailed = 0;

ExitCode ExitCodeOf(base::ErrorKind kind);

// What every --help ends with.
std::string_view ExitCodesHelp();
std::string_view FetchExitCodesHelp();

// Whether the arguments are those of `wal fetch`. This and the next are known also when the
// arguments cannot be parsed.
bool IsWalFetch(const std::vector<std::string>& arguments);
// The code for a failure of such an invocation.
int FailureCode(const std::vector<std::string>& arguments, ExitCode code);

}  // namespace holdfast::cli
