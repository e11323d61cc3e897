#include "cli/backup_marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/time_text.h"

namespace holdfast::cli {

BackupMarks MarksOf(const repo::Snapshot& backup, const repo::Pins& pins, base::Time now) {
  BackupMarks marks;
  const auto found = pins.find(backup.id);
  if (found != pins.end()) {
    for (const repo::Pin& pin : found->second) {
      if (repo::IsOver(pin, now)) continue;
      // Without an end is later than any.
      const bool first = !marks.pinned;
      marks.pinned = true;
      if (!pin.until) {
        marks.pinned_until.reset();
        return marks;
      }
      marks.pinned_until = first ? *pin.until : std::max(*marks.pinned_until, *pin.until);
    }
  }
  if (backup.facts.pinned) {
    marks.pinned = true;
    marks.pinned_until.reset();
  }
  return marks;
}

std::vector<LostBackup> FindLost(storage::Storage& storage, std::string_view source) {
  const std::string prefix = source.empty() ? std::string(repo::kSnapshotsPrefix)
                                            : fmt::format("{}{}/", repo::kSnapshotsPrefix, source);
  std::set<repo::BackupId> forgotten;
  storage.List(prefix, {}, [&](const storage::ObjectInfo& object) {
    const auto name = repo::ParseSnapshotName(object.name);
    if (name && name->what == repo::SnapshotName::What::kTombstone) forgotten.insert(name->id);
  });
  std::vector<LostBackup> lost;
  const repo::SnapshotListing listing = repo::ListSnapshotObjects(storage, source);
  for (const repo::BackupId& id : listing.tombstones) {
    if (!listing.snapshots.contains(id)) continue;
    lost.push_back({.id = id,
                    .lost = forgotten.contains(id) ? BackupMarks::Lost::kForgotten
                                                   : BackupMarks::Lost::kWithdrawn});
  }
  return lost;
}

std::string_view LostText(BackupMarks::Lost lost) {
  if (lost == BackupMarks::Lost::kForgotten) return "forgotten";
  return lost == BackupMarks::Lost::kWithdrawn ? "withdrawn" : "";
}

std::string ToText(const BackupMarks& marks, std::string_view zone) {
  std::string text = marks.pinned ? "pinned" : "";
  if (marks.pinned_until)
    text += fmt::format(" until {}", base::FormatForPeople(*marks.pinned_until, zone));
  const std::string_view lost = LostText(marks.lost);
  if (!text.empty() && !lost.empty()) text += ", ";
  return text.append(lost);
}

}  // namespace holdfast::cli
