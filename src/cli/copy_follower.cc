#include "cli/copy_follower.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "base/workers.h"

namespace holdfast::cli {

CopyFollower::CopyFollower(Session& session, const config::Repository& settings,
                           const repo::Repository& from, const config::Source& source)
    : session_(session), source_(source) {
  for (const config::Copy& copy : source.copies) {
    const config::Repository& to = session.config().RepositoryNamed(copy.repository);
    targets_.push_back(
        {.forward =
             LogForward(session, from, {.from = &settings, .to = &to, .source = source.name}),
         .queue = CopyQueue(session.config().state_directory, source.name, to.name)});
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
      const std::optional<std::string> problem = target.forward.Once(stop);
      if (problem) Tell(target, *problem);
      if (problem && problem->empty()) copied = stored;
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) return;
      Tell(target, error.message());
    } catch (const std::exception& error) {
      Tell(target, error.what());
    }
  } while (session_.clock().Sleep(source_.copy_interval, stop));
}

// Only what is new: the same trouble comes back at every attempt.
void CopyFollower::Tell(Target& target, std::string problem) {
  if (problem == target.problem) return;
  const std::string& name = target.forward.request().to->name;
  try {
    target.queue.SetProblem(problem);
  } catch (const base::Error& error) {
    // As a full disk: `status` sees how far the copy reaches all the same.
    session_.reporter().Warn(
        fmt::format("how the copy in {} stands cannot be written down: {}", name, error.message()));
  }
  if (problem.empty()) {
    if (target.problem)
      session_.reporter().Note(fmt::format("WAL goes to the copy in {} again", name));
  } else {
    session_.reporter().Warn(fmt::format("WAL does not get to the copy in {}: {}", name, problem));
  }
  target.problem = std::move(problem);
}

}  // namespace holdfast::cli
