#include "cli/log_forward.h"

#include <fmt/format.h>

#include <utility>

#include "cli/open_repository.h"

namespace holdfast::cli {

std::optional<std::string> LogForward::Once(const std::stop_token& stop) {
  if (!Prepare()) return std::nullopt;
  base::NullReporter quiet;
  const replicate::LogCopyResult result = replicate::CopyLog(
      from_, *to_, {.source = request_.source, .wants = wants_, .after = after_}, quiet, stop);
  after_ = result.newest;
  if (result.failures.empty()) return "";
  const replicate::CopyFailure& first = result.failures.front();
  return fmt::format("{}: {}", first.what, first.error.message());
}

bool LogForward::Prepare() {
  if (!to_) to_ = OpenRepository(session_, *request_.to);
  if (wants_) return true;
  replicate::CopyPlan plan = replicate::PlanCopy(from_, *to_, request_.source, {});
  plan.backups.clear();  // they bring the WAL they need themselves
  if (plan.of_target.empty()) return false;
  wants_ = SegmentsFor(session_, from_, request_, plan);
  return true;
}

}  // namespace holdfast::cli
