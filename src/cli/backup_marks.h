// What stands beside a backup's record and decides whether it stays: pins, and that it was taken
// out of the lists.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "repo/pin.h"
#include "repo/repository.h"
#include "repo/snapshot.h"

namespace holdfast::cli {

struct BackupMarks {
  enum class Lost { kNo, kForgotten, kWithdrawn };
  bool pinned = false;
  std::optional<base::Time> pinned_until;  // empty: without end, or not pinned
  Lost lost = Lost::kNo;
};

// `now` on the store's clock, or for people on any.
BackupMarks MarksOf(const repo::Snapshot& backup, const repo::Pins& pins, base::Time now);

struct LostBackup {
  repo::BackupId id;
  BackupMarks::Lost lost = BackupMarks::Lost::kForgotten;
};
// Out of the lists, and not deleted yet.
std::vector<LostBackup> FindLost(storage::Storage& storage, std::string_view source);

// "pinned until 2026-12-24 09:00:00 JST, forgotten"; empty when there is nothing to say.
std::string ToText(const BackupMarks& marks, std::string_view zone);
// "", "forgotten", "withdrawn".
std::string_view LostText(BackupMarks::Lost lost);

}  // namespace holdfast::cli
