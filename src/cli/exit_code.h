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

ExitCode ExitCodeOf(base::ErrorKind kind);

// What every --help ends with.
std::string_view ExitCodesHelp();
std::string_view FetchExitCodesHelp();

// Whether the arguments are those of `wal fetch`: also known when they cannot be parsed.
bool IsWalFetch(const std::vector<std::string>& arguments);
// The code for a failure of such an invocation.
int FailureCode(const std::vector<std::string>& arguments, ExitCode code);

}  // namespace holdfast::cli
