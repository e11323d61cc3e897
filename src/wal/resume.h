// Pure decision: where a receiver goes on.
#pragma once

#include <optional>
#include <vector>

#include "pg/lsn.h"
#include "pg/timeline_history.h"
#include "pg/wal_segment.h"
#include "wal/archive.h"
#include "wal/spool.h"

namespace holdfast::wal {

// How far WAL of a timeline has been received.
struct Received {
  pg::TimelineId timeline;
  pg::Lsn end;
  friend bool operator==(const Received&, const Received&) = default;
};

// Of the spool and the archive together: the archive extends the spool where it abuts. Where there
// is no spool, what the archive holds behind `kept_from`, the slot's position, does not count: it
// may be an island that a backup brought by itself, and the server still has what lies before it.
std::vector<Received> WhatWasReceived(const std::vector<SpooledSegment>& spool,
                                      const Inventory& archive, pg::Lsn kept_from);

struct ResumeInput {
  pg::TimelineHistory server_history{};  // of the timeline that the server is on
  pg::Lsn server_flush{};
  bool in_recovery = false;
  std::vector<Received> received{};
  // The newest timeline that this source was ever seen on.
  std::optional<pg::TimelineId> seen{};
  pg::Lsn oldest{};  // from where to stream when nothing was received
  pg::SegmentSize segment_size;
};

struct ResumePoint {
  pg::TimelineId timeline;
  // Start of a segment: the last one that was received in part or whole is streamed again, so that
  // its bytes can be compared.
  pg::Lsn from;
  std::optional<pg::Lsn> received_end{};  // empty: a first start
};

// Error(kConflict) when the server was rolled back: it is on an older timeline than it was, or
// behind what it once sent. A standby that is behind is Error(kUnavailable): it will catch up.
ResumePoint ChooseResumePoint(const ResumeInput& input);

// Where to go on when the server no longer has the WAL from `resume.from`: after what was received,
// else at `oldest`. A gap where that lies beyond.
ResumePoint AfterLostWal(const ResumePoint& resume, const ResumeInput& input);

}  // namespace holdfast::wal
