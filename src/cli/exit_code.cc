#include "cli/exit_code.h"

#include <algorithm>
#include <array>

namespace holdfast::cli {

ExitCode ExitCodeOf(base::ErrorKind kind) {
  switch (kind) {
    case base::ErrorKind::kUsage:
      return ExitCode::kUsage;
    case base::ErrorKind::kNotFound:
      return ExitCode::kNotFound;
    case base::ErrorKind::kConflict:
      return ExitCode::kRefused;
    case base::ErrorKind::kDenied:
    case base::ErrorKind::kUnavailable:
      return ExitCode::kUnavailable;
    case base::ErrorKind::kCorrupt:
      return ExitCode::kCorrupt;
    case base::ErrorKind::kCancelled:
      return ExitCode::kInterrupted;
    case base::ErrorKind::kInternal:
      break;
  }
  return ExitCode::kInternal;
}

std::string_view ExitCodesHelp() {
  return "Exit codes: 0 done; 1 done, but something needs attention; 2 usage or configuration;\n"
         "  3 not found; 4 refused; 5 source or storage unavailable; 6 corrupt data found;\n"
         "  7 interrupted; 70 internal error";
}

std::string_view FetchExitCodesHelp() {
  return "Exit codes: 0 fetched; 1 the file does not exist in the archive; 126 anything else went\n"
         "  wrong, also usage: recovery must not take that for the end of the log";
}

namespace {

// Which command of `wal` it is; empty when none.
std::string_view WalCommandOf(const std::vector<std::string>& arguments) {
  // The first of the words counts: a source may be called "fetch".
  constexpr std::array<std::string_view, 7> kWords = {"push",  "fetch",  "prefetch", "stream",
                                                      "flush", "status", "forward"};
  const auto wal = std::find(arguments.begin(), arguments.end(), "wal");
  const auto word = std::find_first_of(wal, arguments.end(), kWords.begin(), kWords.end());
  return word == arguments.end() ? std::string_view() : std::string_view(*word);
}

}  // namespace

bool IsWalFetch(const std::vector<std::string>& arguments) {
  return WalCommandOf(arguments) == "fetch";
}

int FailureCode(const std::vector<std::string>& arguments, ExitCode code) {
  const std::string_view command = WalCommandOf(arguments);
  if (command == "prefetch" || command == "forward") return kDetachedFailed;
  return command == "fetch" ? kFetchFailed : static_cast<int>(code);
}

}  // namespace holdfast::cli
