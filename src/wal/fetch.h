// restore_command's side: `wal fetch FILE PATH`.
#pragma once

#include <string>

#include "base/file.h"
#include "wal/archive.h"

namespace holdfast::wal {

struct FetchOptions {
  pg::SystemIdentifier system;
  std::string file_name;
  base::Path target;  // written whole, fsynced, renamed into place
  // Where the segments after it are fetched ahead to, private to one recovery; empty: no prefetch.
  base::Path prefetch_directory;
  int prefetch_segments = 8;
};

enum class FetchOutcome { kFetched, kNotThere };

// A segment of which only a tail or .partial is there is completed with zeros. Any trouble throws:
// never kNotThere for "unknown".
[[nodiscard]] FetchOutcome Fetch(Archive& archive, const FetchOptions& options);

// Fills the prefetch directory with the segments that follow `file_name`; at most one process at a
// time does (flock), others return at once. Files appear whole or not at all.
void Prefetch(Archive& archive, const FetchOptions& options);

}  // namespace holdfast::wal
