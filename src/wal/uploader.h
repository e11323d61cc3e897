// Brings what the spool holds into the repository, and moves the slot after it, which it makes
// again when somebody dropped it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>

#include "wal/archive.h"
#include "wal/spool.h"
#include "wal/status_board.h"
#include "wal/stream.h"
#include "wal/wal_server.h"

namespace holdfast::wal {

class Uploader {
 public:
  // `server` has the slot to be moved; null: none is.
  Uploader(WalServer* server, Archive& archive, Spool& spool, StatusBoard& board,
           StreamOptions options, base::Clock& clock);

  // Runs until Finish() was called and everything is stored, or could not be and `give_up` says
  // that it is no use waiting. An unreachable store or server is tried again for ever and shown.
  // Throws what trying again cannot mend: Error(kConflict), kCorrupt.
  void Run(const std::stop_token& give_up);
  void Finish() { finish_ = true; }

  // Once, instead of Run; throws whatever goes wrong.
  void StoreEverything();

  // Whether the segment's end is in the repository; not while Run runs.
  bool HasStored(const SpooledSegment& segment) const;

 private:
  enum class Tails { kWhenDue, kNow };

  bool TryStep(Tails tails);
  void StoreAll(Tails tails);
  void StoreTimeline();
  void StoreHistories();
  void StoreWhole(const SpooledSegment& segment);
  PreviousSegment SegmentBefore(const SpooledSegment& segment) const;
  void StoreSuperseded(const SpooledSegment& segment);
  void StoreTail(const SpooledSegment& segment, Tails tails);
  void RemoveStored();
  void Stored(pg::TimelineId timeline, pg::Lsn end);
  bool IsOnServersTimeline() const;
  void ShowStored();
  void TendSlot();
  pg::Lsn SlotTarget() const;
  bool RestoreSlot();

  pg::SystemIdentifier system() const;
  pg::SegmentSize segment_size() const;

  WalServer* server_;
  Archive* archive_;
  Spool* spool_;
  StatusBoard* board_;
  StreamOptions options_;
  base::Clock* clock_;
  std::atomic<bool> finish_ = false;

  std::optional<pg::TimelineId> recorded_timeline_;
  // Whole segments that are still in the spool, by where they start.
  std::set<std::pair<pg::TimelineId, pg::Lsn>> stored_whole_;
  pg::TimelineId stored_timeline_;
  pg::Lsn stored_end_;
  std::chrono::steady_clock::time_point last_tail_{};
  std::unique_ptr<ServerSession> session_;
  pg::Lsn slot_at_;
  std::chrono::steady_clock::time_point next_slot_try_{};
  std::chrono::steady_clock::time_point next_slot_look_{};
};

}  // namespace holdfast::wal
