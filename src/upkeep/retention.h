// Which backups a policy lets go: a pure decision (docs/operate/retention.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repo/ids.h"

namespace holdfast::upkeep {

// Each rule keeps some backups; what no rule keeps expires. 0 keeps none by that rule. The rules
// for calendar periods count the periods in which there is a backup, and keep the newest of each.
struct RetentionPolicy {
  std::uint32_t last = 0;
  std::uint32_t hours = 0;
  std::uint32_t days = 0;
  std::uint32_t weeks = 0;
  std::uint32_t months = 0;
  std::uint32_t years = 0;
  // That many full backups, and all that were made since the oldest of them.
  std::uint32_t fulls = 0;
  base::Duration within{0};  // of the newest backup, not of now: nothing expires by waiting

  friend bool operator==(const RetentionPolicy&, const RetentionPolicy&) = default;
};

bool KeepsAnything(const RetentionPolicy& policy);
std::string ToText(const RetentionPolicy& policy);  // "last 4, days 14, within 2 d"

struct RetainedBackup {
  repo::BackupId id;
  std::uint64_t sequence =
      0;               // the order in which the source's backups were made, whatever clocks said
  base::Time started;  // on its host's clock
  base::Time stored;   // on the store's clock
  bool good = true;
  bool full = true;  // stored without building upon another
  bool pinned = false;
  // Can recovery go on from it to where the source is now? False after the source was taken back to
  // an earlier point.
  bool leads_to_present = true;
};

struct RetentionVerdict {
  repo::BackupId id;
  std::vector<std::string> kept_by;  // empty: it expires
  bool expired() const { return kept_by.empty(); }
};

struct RetentionTime {
  base::Time now;  // the store's
  std::string zone = "UTC";
};

// Of the backups of one series, which take the places of one another; newest first. Whatever the
// policy says, these are kept: the newest good backup, the newest good one that leads to the
// present, pinned ones, those whose time lies in the future, and those that are not good as long as
// nothing good is newer. A backup that is not good never takes the place of one that is: it is kept
// by a rule that would keep it if all were good, beside those that the rule keeps of the good ones.
std::vector<RetentionVerdict> SelectExpired(std::vector<RetainedBackup> backups,
                                            const RetentionPolicy& policy,
                                            const RetentionTime& time);

}  // namespace holdfast::upkeep
