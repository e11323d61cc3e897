#include "cli/copy_follower.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "cli/open_repository.h"

namespace holdfast::cli {

CopyFollower::CopyFollower(Session& session, const config::Repository& settings,
                           const repo::Repository& from, const config::Source& source)
    : session_(session), from_(from), source_(source) {
  for (const config::Copy& copy : source.copies) {
    const config::Repository& to = session.config().RepositoryNamed(copy.repository);
    targets_.push_back({.request = {.from = &settings, .to = &to, .source = source.name}});
  }
  for (Target& target : targets_) {
    target.thread =
        std::jthread([this, &target](const std::stop_token& stop) { Run(target, stop); });
  }
}

CopyFollower::~CopyFollower() {
  for (Target& target : targets_) target.thread.request_stop();
}

void CopyFollower::Show(const wal::StreamState& state) {
  if (state.stored) stored_ = state.stored->value();
}

void CopyFollower::Run(Target& target, const std::stop_token& stop) {
  std::optional<std::uint64_t> copied;
  do {
    const std::uint64_t stored = stored_;
    if (copied == stored) continue;
    try {
      CopyOnce(target, stop);
      if (target.problem.empty() && target.wants) copied = stored;
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) return;
      Tell(target, error.message());
    } catch (const std::exception& error) {
      Tell(target, error.what());
    }
  } while (session_.clock().Sleep(source_.copy_interval, stop));
}

void CopyFollower::CopyOnce(Target& target, const std::stop_token& stop) {
  if (!Prepare(target)) return;
  base::NullReporter quiet;
  const replicate::LogCopyResult result = replicate::CopyLog(
      from_, *target.repository,
      {.source = source_.name, .wants = target.wants, .after = target.after}, quiet, stop);
  target.after = result.newest;
  if (result.failures.empty()) return Tell(target, "");
  const replicate::CopyFailure& first = result.failures.front();
  Tell(target, fmt::format("{}: {}", first.what, first.error.message()));
}

bool CopyFollower::Prepare(Target& target) {
  if (!target.repository) target.repository = OpenRepository(session_, *target.request.to);
  if (target.wants) return true;
  replicate::CopyPlan plan = replicate::PlanCopy(from_, *target.repository, source_.name, {});
  plan.backups.clear();  // they bring the WAL they need themselves
  if (plan.of_target.empty()) return false;
  target.wants = SegmentsFor(session_, from_, target.request, plan);
  return true;
}

// Only what is new: the same trouble comes back at every attempt.
void CopyFollower::Tell(Target& target, std::string problem) {
  if (problem == target.problem) return;
  const std::string& name = target.request.to->name;
  if (problem.empty()) {
    session_.reporter().Note(fmt::format("WAL goes to the copy in {} again", name));
  } else {
    session_.reporter().Warn(fmt::format("WAL does not get to the copy in {}: {}", name, problem));
  }
  target.problem = std::move(problem);
}

}  // namespace holdfast::cli
