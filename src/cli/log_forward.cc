#include "cli/log_forward.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "cli/open_repository.h"

namespace holdfast::cli {

std::optional<std::string> LogForward::Once(const std::stop_token& stop) {
  try {
    return TryOnce(stop);
  } catch (const base::Error&) {
    Forget();
    throw;
  }
}

std::optional<std::string> LogForward::TryOnce(const std::stop_token& stop) {
  if (!Prepare()) return std::nullopt;
  base::NullReporter quiet;
  const replicate::LogCopyResult result = replicate::CopyLog(
      from_, *to_,
      {.source = request_.source, .wants = wants_, .after = after_, .systems = systems_}, quiet,
      stop);
  after_ = result.newest;
  systems_ = result.systems;
  if (result.failures.empty()) return "";
  const bool conflict = std::ranges::any_of(result.failures, [](const auto& failure) {
    return failure.error.kind() == base::ErrorKind::kConflict;
  });
  if (conflict) Forget();
  const replicate::CopyFailure& first = result.failures.front();
  return fmt::format("{}: {}", first.what, first.error.message());
}

// Another repository, or an older state of it, may be in the copy's place: it is opened again, and
// looked through from the beginning.
void LogForward::Forget() {
  to_.reset();
  wants_ = {};
  after_.clear();
  systems_.clear();
}

void LogForward::Bring(const std::vector<PushedFile>& files, const std::stop_token& stop) {
  std::map<pg::SystemIdentifier, std::vector<std::string>> names;
  for (const PushedFile& file : files) names[file.system].push_back(file.name);
  for (const auto& [system, of_system] : names)
    replicate::CopyLogFiles(from_, To(), request_.source, system, of_system, stop);
}

std::string LogForward::Pair() { return fmt::format("{} {}", from_.id(), To().id()); }

const repo::Repository& LogForward::To() {
  if (!to_) to_ = OpenRepository(session_, *request_.to);
  return *to_;
}

bool LogForward::Prepare() {
  const repo::Repository& to = To();
  if (wants_) return true;
  replicate::CopyPlan plan = replicate::PlanCopy(from_, to, request_.source, {});
  plan.backups.clear();  // they bring the WAL they need themselves
  if (plan.of_target.empty()) return false;
  wants_ = SegmentsFor(session_, from_, request_, plan);
  return true;
}

}  // namespace holdfast::cli
