#include "upkeep/log_needs.h"

#include <algorithm>

namespace holdfast::upkeep {

namespace {

using repo::LogNeed;

// Which backups recovery must be able to go on from, by place. The source was on the timeline of
// the newest backup when that was made, so from the newest before the window every moment since is
// within reach, unless the source was taken back behind it: then the new timeline is reached from
// an older backup, until it has one of its own that is old enough.
class OnwardChoice {
 public:
  OnwardChoice(const LogUse& use, base::Time begin)
      : use_(use), begin_(begin), onward_(use.backups.size()) {}

  std::vector<bool> Run() {
    for (std::size_t i = 0; i < onward_.size(); ++i) {
      if (use_.backups[i].stored >= begin_) onward_[i] = true;
    }
    MarkNewest([&](const LoggedBackup& backup) { return backup.stored < begin_; });
    for (const ArchivedTimeline& archived : use_.archived) {
      if (archived.newest < begin_ || HasOldBackup(archived.timeline)) continue;
      MarkNewest([&](const LoggedBackup& backup) {
        return backup.log.timeline < archived.timeline && backup.log.stop <= archived.first_end;
      });
    }
    return onward_;
  }

 private:
  bool HasOldBackup(std::uint32_t timeline) const {
    return std::ranges::any_of(use_.backups, [&](const LoggedBackup& backup) {
      return backup.log.timeline == timeline && backup.stored < begin_;
    });
  }

  template <typename Fits>
  void MarkNewest(Fits fits) {
    std::optional<std::size_t> newest;
    for (std::size_t i = 0; i < onward_.size(); ++i) {
      if (!fits(use_.backups[i])) continue;
      if (!newest || use_.backups[i].stored >= use_.backups[*newest].stored) newest = i;
    }
    if (newest) onward_[*newest] = true;
  }

  const LogUse& use_;
  const base::Time begin_;
  std::vector<bool> onward_;
};

bool Covers(const LogNeed& need, std::uint32_t timeline, std::uint64_t start, std::uint64_t end) {
  if (start <= need.stop && need.start < end) return true;
  return need.onward && need.timeline <= timeline && need.start < end;
}

}  // namespace

std::vector<LogNeed> NeedsOf(const LogUse& use, const LogWindow& window) {
  const base::Time begin =
      window.length ? window.now - *window.length : base::Time(base::Duration::min());
  const std::vector<bool> onward = OnwardChoice(use, begin).Run();
  std::vector<LogNeed> needs;
  for (std::size_t i = 0; i < use.backups.size(); ++i) {
    const repo::LogRange& log = use.backups[i].log;
    needs.push_back({.timeline = log.timeline,
                     .start = log.start,
                     .stop = std::max(log.start, log.stop),
                     .onward = onward[i]});
  }
  for (const repo::LogRange& log : use.open) {
    needs.push_back(
        {.timeline = log.timeline, .start = log.start, .stop = log.start, .onward = true});
  }
  std::ranges::sort(needs);
  needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
  return needs;
}

bool IsNeeded(const repo::CondemnedLog& log, std::uint32_t timeline, std::uint64_t start,
              std::uint64_t end) {
  return timeline > log.known_timeline || std::ranges::any_of(log.needs, [&](const LogNeed& need) {
           return Covers(need, timeline, start, end);
         });
}

}  // namespace holdfast::upkeep
