// Which parts of the WAL archives go now, and which are condemned to go later.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "repo/condemned.h"
#include "upkeep/log_scan.h"
#include "upkeep/prune.h"
#include "upkeep/prune_plan.h"
#include "upkeep/removal.h"
#include "upkeep/repository_view.h"

namespace holdfast::upkeep {

class LogExpiry {
 public:
  // Counts: reads the names of all logs once more. `plan` and `view` must outlive it.
  LogExpiry(storage::Storage& storage, const RepositoryView& view, const PrunePlan& plan,
            const PruneOptions& options);

  const std::vector<PrunedLog>& logs() const { return pruned_; }
  const std::vector<std::string>& notes() const { return notes_; }
  // For the list that this run puts.
  const std::vector<repo::CondemnedLog>& condemned() const { return condemned_; }

  // Is there log left of the cluster that this snapshot is of, and does no backup that is kept tell
  // of it? Then the snapshot's record is what does.
  bool IsLastToTellOf(const ViewedSnapshot& snapshot) const;

  // Removes what is due.
  Removal Execute(int jobs, const std::stop_token& stop);

 private:
  // What decides about one log.
  struct Rules {
    pg::SegmentSize segment_size;
    repo::CondemnedLog now;
    struct Condemned {
      const repo::CondemnedLog* log = nullptr;
      base::Time put;
    };
    std::vector<Condemned> due;
    std::vector<Condemned> waiting;
  };
  enum class Fate { kKept, kRemoved, kWaiting, kUnneeded };

  void Add(const LogPlace& place, const ScannedLog& log, const PruneOptions& options);
  std::optional<std::uint32_t> KnownTimeline(const LogPlace& place) const;
  bool HasBackupWithoutLog(const std::string& source) const;
  LogUse UseOf(const LogPlace& place, const ScannedLog& log) const;
  std::vector<Rules::Condemned> On(const std::vector<std::size_t>& lists,
                                   const LogPlace& place) const;
  static Fate FateOf(const Rules& rules, const SegmentObject& object);
  void Count(const LogPlace& place, const Rules& rules);

  storage::Storage& storage_;
  const RepositoryView& view_;
  const PrunePlan& plan_;
  std::vector<std::size_t> due_;  // places of lists
  std::map<LogPlace, Rules> rules_;
  std::map<LogPlace, bool> has_objects_;
  std::vector<PrunedLog> pruned_;
  std::vector<repo::CondemnedLog> condemned_;
  std::vector<std::string> notes_;
};

}  // namespace holdfast::upkeep
