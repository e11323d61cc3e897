#include "cli/copy_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/copy_choice.h"
#include "cli/copy_queue.h"
#include "cli/retention_choice.h"
#include "cli/source_access.h"
#include "repo/pin.h"
#include "upkeep/log_scan.h"

namespace holdfast::cli {
namespace {

std::set<repo::BackupId> PinnedIn(const repo::Repository& repository, const std::string& source) {
  std::set<repo::BackupId> pinned;
  for (const auto& [id, pins] : repo::ListPins(repository.storage(), source)) pinned.insert(id);
  return pinned;
}

// Of the newest cluster: the one whose window matters.
std::vector<upkeep::ArchivedTimeline> TimelinesIn(const repo::Repository& repository,
                                                  const std::string& source) {
  std::vector<upkeep::ArchivedTimeline> timelines;
  for (const auto& [place, log] : upkeep::ScanLogs(repository.storage()).logs) {
    if (place.source != source) continue;
    timelines.insert(timelines.end(), log.timelines.begin(), log.timelines.end());
  }
  return timelines;
}

void LeaveOutWhatIsNotKept(Session& session, const repo::Repository& from,
                           const CopyRequest& request, replicate::CopyPlan& plan,
                           CopyOutcome& outcome) {
  const std::set<repo::BackupId> not_kept =
      NotKeptThere(session.config(), request.to->name, plan, PinnedIn(from, request.source),
                   session.clock().Now());
  std::erase_if(plan.backups, [&](const repo::Snapshot& backup) {
    if (!not_kept.contains(backup.id)) return false;
    outcome.not_kept.push_back(backup.id);
    return true;
  });
}

replicate::CopyOptions OptionsOf(Session& session, const repo::Repository& from,
                                 const repo::Repository& to, const CopyRequest& request,
                                 const replicate::CopyPlan& plan) {
  replicate::CopyOptions options;
  options.jobs = static_cast<int>(request.jobs);
  options.pack_size = request.to->pack_size;
  options.compression = CompressionOf(*request.to);
  options.notes =
      session.config().state_directory / "copy" / fmt::format("{}-{}.packs", from.id(), to.id());
  options.dry_run = request.dry_run;
  options.wants_segment = SegmentsFor(session, from, request, plan);
  return options;
}

int WeightOf(ExitCode code) {
  if (code == ExitCode::kDone) return 0;
  return code == ExitCode::kCorrupt ? 2 : 1;
}

// What kept WAL from the copy before is over.
void ForgetProblem(Session& session, const CopyRequest& request) {
  try {
    CopyQueue(session.config().state_directory, request.source, request.to->name).SetProblem("");
  } catch (const base::Error& error) {
    session.reporter().Note(
        fmt::format("status may tell of an earlier problem still: {}", error.message()));
  }
}

}  // namespace

CopyOutcome CopySource(Session& session, const repo::Repository& from, const repo::Repository& to,
                       const CopyRequest& request) {
  from.RequireContentKey("copying");
  replicate::CopyPlan plan = replicate::PlanCopy(from, to, request.source, request.only);
  CopyOutcome outcome;
  if (request.only.empty()) LeaveOutWhatIsNotKept(session, from, request, plan, outcome);
  for (const repo::Snapshot& backup : plan.there) outcome.there.push_back(backup.id);
  outcome.forgotten = plan.forgotten;
  outcome.result =
      replicate::ExecuteCopy(from, to, plan, OptionsOf(session, from, to, request, plan),
                             session.reporter(), session.stop());
  if (!request.dry_run && request.only.empty() && outcome.result.failures.empty())
    ForgetProblem(session, request);
  return outcome;
}

replicate::WantsSegment SegmentsFor(Session& session, const repo::Repository& from,
                                    const CopyRequest& request, const replicate::CopyPlan& plan) {
  const auto windows = LogWindows(session.config(), request.to->name);
  const auto window = windows.find(request.source);
  if (window != windows.end()) {
    if (auto wants = SegmentsWithin(window->second, plan, TimelinesIn(from, request.source),
                                    session.clock().Now()))
      return std::move(*wants);
  }
  return replicate::SinceTheOldestBackup(plan);
}

ExitCode CodeOf(const replicate::CopyResult& result) {
  ExitCode worst = result.warnings.empty() ? ExitCode::kDone : ExitCode::kAttention;
  for (const replicate::CopyFailure& failure : result.failures) {
    const ExitCode code = ExitCodeOf(failure.error.kind());
    if (worst == ExitCode::kAttention || WeightOf(code) > WeightOf(worst)) worst = code;
  }
  return worst;
}

}  // namespace holdfast::cli
