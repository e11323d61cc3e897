#include "restore/reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/time_text.h"
#include "pg/wal_record.h"
#include "wal/times.h"

namespace holdfast::restore {

namespace {

[[noreturn]] void OutOfReach(std::string message, std::vector<std::string> hints) {
  throw base::Error(base::ErrorKind::kNotFound, std::move(message), std::move(hints));
}

// "WAL is missing between ...": what keeps recovery from going on, if it is a gap.
std::vector<std::string> GapHint(const WalView& view, const std::optional<wal::Gap>& gap) {
  if (!gap) return {};
  return {fmt::format("WAL is missing there: {}", gap->ToString(view.inventory.segment_size))};
}

// Also where no WAL is behind it: the history tells that there was some up to its last switch.
std::optional<wal::Gap> FirstGap(const WalView& view, const wal::Reach& reach) {
  const pg::Lsn last_switch = view.history.Spans().back().begin;
  if (reach.first_gap || reach.end >= last_switch) return reach.first_gap;
  return wal::Gap{.timeline = reach.end_timeline, .start = reach.end, .end = last_switch};
}

// Up to its stop, without which it is not consistent.
void RequireWalOf(const WalView& view, const std::string& id, const catalog::ClusterFacts& facts,
                  const wal::Reach& reach, const std::optional<wal::Gap>& gap) {
  if (reach.end >= facts.stop_lsn) return;
  auto hints = GapHint(view, gap);
  hints.emplace_back("choose another backup: holdfast list shows them");
  OutOfReach(fmt::format("backup {} needs WAL up to {}, and it is there only up to {}", id,
                         pg::FormatLsn(facts.stop_lsn), pg::FormatLsn(reach.end)),
             std::move(hints));
}

pg::Lsn EndOfAll(const WalView& view, pg::Lsn gap_end) {
  pg::Lsn end = gap_end;
  for (const pg::TimelineSpan& span : view.history.Spans()) {
    for (const wal::WalRange& range : view.inventory.ranges) {
      if (range.timeline == span.timeline)
        end = std::max(end, std::min(range.end, span.end.value_or(range.end)));
    }
  }
  return end;
}

// The start of the last whole record of [start, end).
pg::Lsn LastRecord(const WalView& view, pg::Lsn start, pg::Lsn end) {
  const auto size = pg::SegmentSize::FromBytes(view.inventory.segment_size);
  const pg::SegmentNumber first = pg::SegmentOfByteAt(start, size);
  for (auto segment = pg::SegmentOfByteBefore(end, size); segment >= first;
       segment = pg::SegmentNumber(segment.value() - 1)) {
    pg::Lsn last;
    wal::ScanRecords(view.archive, view.system, view.history.Spans(),
                     std::max(start, pg::SegmentStart(segment, size)), end,
                     view.inventory.segment_size, [&](const pg::WalRecord& record) {
                       last = record.start;
                       return true;
                     });
    if (last.IsValid()) return last;
  }
  throw base::Error(base::ErrorKind::kCorrupt,
                    fmt::format("no record can be read in the WAL from {} to {}",
                                pg::FormatLsn(start), pg::FormatLsn(end)));
}

bool Matches(const RecoveryTarget& target, const pg::WalRecord& record) {
  if (const auto* xid = std::get_if<XidTarget>(&target)) {
    return record.header.xid == xid->xid && pg::CommitTime(record).has_value();
  }
  if (const auto* name = std::get_if<NameTarget>(&target)) {
    const auto point = pg::ReadRestorePoint(record);
    return point && point->name == name->name;
  }
  return false;
}

class ReachCheck {
 public:
  ReachCheck(const WalView& view, const catalog::ClusterBackup& backup, const TargetOptions& target)
      : view_(view), facts_(backup.facts), id_(backup.snapshot.id.ToString()), target_(target) {}

  ReachedEnd Run() {
    reach_ = wal::FollowWal(view_.inventory, view_.history.Spans(), facts_.start_lsn);
    gap_ = FirstGap(view_, reach_);
    RequireWalOf(view_, id_, facts_, reach_, gap_);
    if (!std::holds_alternative<ImmediateTarget>(target_.target)) FindLastCommit();
    std::visit([&](const auto& target) { Check(target); }, target_.target);
    return {.wal_end = reach_.end, .last_commit = last_commit_, .gap = Ahead()};
  }

 private:
  std::optional<GapAhead> Ahead() const {
    if (!gap_) return std::nullopt;
    return GapAhead{.gap = *gap_,
                    .last_record = LastRecord(view_, facts_.start_lsn, reach_.end),
                    .behind_to = EndOfAll(view_, gap_->end)};
  }

  void FindLastCommit() {
    const auto mark = wal::LastCommit(view_.archive, view_.system, view_.history.Spans(),
                                      facts_.start_lsn, reach_.end, view_.inventory.segment_size);
    if (mark) last_commit_ = mark->time;
  }

  void Check(const LatestTarget&) {}
  void Check(const ImmediateTarget&) {}

  // The server stops at the first commit later than the target; without one it cannot know that it
  // arrived.
  void Check(const TimeTarget& target) {
    const bool reached = last_commit_ && (target_.exclusive ? *last_commit_ >= target.time
                                                            : *last_commit_ > target.time);
    if (reached) return;
    auto hints = GapHint(view_, gap_);
    AddTimes(hints);
    hints.emplace_back("without a target everything in the archive is restored");
    OutOfReach(fmt::format("{} is later than anything in the WAL archive", Text(target.time)),
               std::move(hints));
  }

  void Check(const LsnTarget& target) {
    if (target.lsn < reach_.end) return;
    auto hints = GapHint(view_, gap_);
    hints.push_back(fmt::format("the WAL archive reaches up to {}", pg::FormatLsn(reach_.end)));
    AddTimes(hints);
    OutOfReach(
        fmt::format("LSN {} is beyond the end of the WAL archive", pg::FormatLsn(target.lsn)),
        std::move(hints));
  }

  void Check(const XidTarget& target) {
    RequireFound(fmt::format("no commit or abort of transaction {} is in the WAL after backup {}",
                             target.xid, id_));
  }
  void Check(const NameTarget& target) {
    RequireFound(
        fmt::format("no restore point \"{}\" is in the WAL after backup {}", target.name, id_));
  }
  void RequireFound(std::string message) {
    if (FindTargetRecord(view_, target_.target, facts_.stop_lsn)) return;
    auto hints = GapHint(view_, gap_);
    hints.push_back(fmt::format("the WAL archive was searched from {} to {} on timeline {}",
                                pg::FormatLsn(facts_.stop_lsn), pg::FormatLsn(reach_.end),
                                view_.history.timeline().value()));
    AddTimes(hints);
    OutOfReach(std::move(message), std::move(hints));
  }

  // As --at takes them.
  void AddTimes(std::vector<std::string>& hints) const {
    const auto times = TimesBetween(facts_.stop_time, last_commit_, target_.exclusive);
    if (!times) {
      return hints.push_back(fmt::format(
          "no time is within reach of backup {}: nothing was committed after its end", id_));
    }
    hints.push_back(fmt::format("the earliest time within reach of backup {} is {}", id_,
                                Text(times->earliest)));
    hints.push_back(fmt::format(
        "the latest is {}: the last commit in the archive must be later than the target",
        Text(times->latest)));
  }

  std::string Text(base::Time time) const { return base::FormatExactly(time, view_.time_zone); }

  const WalView& view_;
  const catalog::ClusterFacts& facts_;
  const std::string id_;
  const TargetOptions& target_;
  wal::Reach reach_;
  std::optional<wal::Gap> gap_;
  std::optional<base::Time> last_commit_;
};

}  // namespace

std::optional<pg::Lsn> FindTargetRecord(const WalView& view, const RecoveryTarget& target,
                                        pg::Lsn from) {
  if (!std::holds_alternative<XidTarget>(target) && !std::holds_alternative<NameTarget>(target))
    return std::nullopt;
  const wal::Reach reach = wal::FollowWal(view.inventory, view.history.Spans(), from);
  std::optional<pg::Lsn> found;
  wal::ScanRecords(view.archive, view.system, view.history.Spans(), from, reach.end,
                   view.inventory.segment_size, [&](const pg::WalRecord& record) {
                     if (Matches(target, record)) found = record.start;
                     return !found;
                   });
  return found;
}

void CheckWalOfBackup(const WalView& view, const catalog::ClusterBackup& backup) {
  const wal::Reach reach =
      wal::FollowWal(view.inventory, view.history.Spans(), backup.facts.start_lsn);
  RequireWalOf(view, backup.snapshot.id.ToString(), backup.facts, reach, FirstGap(view, reach));
}

std::optional<ReachableTimes> TimesBetween(base::Time stop_time,
                                           std::optional<base::Time> last_commit, bool exclusive) {
  constexpr base::Duration kNext(1);
  if (!last_commit) return std::nullopt;
  // Just before an excluded target nothing is consistent yet at the backup's end.
  const ReachableTimes times{.earliest = exclusive ? stop_time + kNext : stop_time,
                             .latest = exclusive ? *last_commit : *last_commit - kNext};
  if (times.latest < times.earliest) return std::nullopt;
  return times;
}

std::optional<ReachableTimes> TimesFrom(const WalView& view, const catalog::ClusterBackup& backup,
                                        bool exclusive) {
  try {
    const ReachedEnd end =
        CheckReach(view, backup, {.target = LatestTarget{}, .timeline = std::nullopt});
    return TimesBetween(backup.facts.stop_time, end.last_commit, exclusive);
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::kCancelled) throw;
    return std::nullopt;
  }
}

ReachedEnd CheckReach(const WalView& view, const catalog::ClusterBackup& backup,
                      const TargetOptions& target) {
  return ReachCheck(view, backup, target).Run();
}

}  // namespace holdfast::restore
