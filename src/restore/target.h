// Where recovery is to stop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "pg/lsn.h"

namespace holdfast::restore {

struct LatestTarget {};     // all WAL there is
struct ImmediateTarget {};  // as soon as the backup is consistent
struct TimeTarget {
  base::Time time;
};
struct LsnTarget {
  pg::Lsn lsn;
};
struct XidTarget {
  std::uint64_t xid = 0;
};
struct NameTarget {
  std::string name;
};
using RecoveryTarget =
    std::variant<LatestTarget, ImmediateTarget, TimeTarget, LsnTarget, XidTarget, NameTarget>;

enum class TargetAction { kPause, kPromote, kShutdown };

struct TargetOptions {
  RecoveryTarget target;
  std::optional<pg::TimelineId> timeline;  // absent: the source's latest
  bool exclusive = false;                  // stop before the target instead of after it
  TargetAction action = TargetAction::kPromote;
};

}  // namespace holdfast::restore
