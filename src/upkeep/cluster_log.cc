#include "upkeep/cluster_log.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "wal/coverage.h"

namespace holdfast::upkeep {

using base::Error;
using base::ErrorKind;

ClusterLog::ClusterLog(const repo::Repository& repository, const std::string& source,
                       pg::SystemIdentifier system)
    : archive_(repository, source), system_(system) {
  try {
    inventory_ = archive_.Take(system);
    ChoosePresent();
  } catch (const Error& error) {
    // What is there may be contradictory; that the store is silent is not for us to judge.
    if (error.kind() != ErrorKind::kConflict && error.kind() != ErrorKind::kCorrupt) throw;
    problem_ = error.message();
  }
}

pg::Lsn ClusterLog::ReachOf(const catalog::ClusterFacts& facts) const {
  // All of it lies on one timeline: a backup during which that changes fails.
  const wal::Lineage lineage = {
      {.timeline = facts.timeline, .begin = pg::Lsn(), .end = std::nullopt}};
  return std::min(wal::FollowWal(inventory_, lineage, facts.start_lsn).end, facts.stop_lsn);
}

std::string ClusterLog::FlawOf(const catalog::ClusterFacts& facts) const {
  if (!problem_.empty()) return "its WAL cannot be told: " + problem_;
  if (ReachOf(facts) >= facts.stop_lsn) return "";
  return "the WAL that makes it consistent is not all in the archive";
}

bool ClusterLog::LeadsToPresent(const catalog::ClusterFacts& facts) const {
  if (!present_) return true;  // not known
  if (history_) return history_->CanContinueFrom(facts.timeline, facts.stop_lsn);
  return facts.timeline == *present_;
}

void ClusterLog::ChoosePresent() {
  std::vector<pg::TimelineHistory> histories;
  for (const pg::TimelineId timeline : inventory_.timelines) {
    if (auto history = archive_.History(system_, timeline)) histories.push_back(*history);
  }
  if (inventory_.timelines.empty()) return;
  present_ = wal::ChooseLatest(inventory_, archive_.RecordedTimeline(system_), histories).timeline;
  if (*present_ == pg::TimelineId(1)) history_ = pg::TimelineHistory();
  for (const pg::TimelineHistory& history : histories) {
    if (history.timeline() == *present_) history_ = history;
  }
}

}  // namespace holdfast::upkeep
