// restore_command's side: `wal fetch FILE PATH`.
#pragma once

#include <optional>
#include <string>

#include "base/file.h"
#include "wal/archive.h"

namespace holdfast::wal {

// The recovery that asks for files.
struct RecoveryPath {
  pg::TimelineId timeline;  // that it follows to its end
  // It has a target before this position, where a gap begins: what starts here is not there for it.
  std::optional<pg::Lsn> end{};
};

struct FetchOptions {
  pg::SystemIdentifier system;
  std::string file_name;
  base::Path target;  // written whole, fsynced, renamed into place
  // Where the segments after it are fetched ahead to, private to one recovery; empty: no prefetch.
  base::Path prefetch_directory;
  int prefetch_segments = 8;
  // Where it is known, a missing segment is found out on any timeline of the path. Otherwise only
  // by later whole segments of its own timeline.
  std::optional<RecoveryPath> path{};
  // It streams, and asks again: what is not there, an archive that is still empty included, does
  // not end its recovery.
  bool is_standby = false;
};

enum class FetchOutcome { kFetched, kNotThere };

// A segment of which only a tail or .partial is there is completed with zeros. Any trouble throws:
// never kNotThere for "unknown". So does an archive without any WAL of the cluster:
// Error(kNotFound).
[[nodiscard]] FetchOutcome Fetch(Archive& archive, const FetchOptions& options);

// Fills the prefetch directory with the segments that follow `file_name`; at most one process at a
// time does (flock), others return at once. Files appear whole or not at all.
void Prefetch(Archive& archive, const FetchOptions& options);

}  // namespace holdfast::wal
