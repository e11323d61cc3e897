// The WAL archives of a repository by the names of their objects: no key is needed.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pg/wal_segment.h"
#include "storage/storage.h"
#include "upkeep/log_needs.h"

namespace holdfast::upkeep {

// One cluster's log in the archive of one source.
struct LogPlace {
  std::string source;
  std::uint64_t system = 0;
  auto operator<=>(const LogPlace&) const = default;
};

struct ScannedLog {
  // Empty when it is not recorded, or several are: then it cannot be told where a segment lies.
  std::optional<pg::SegmentSize> segment_size;
  std::vector<ArchivedTimeline> timelines;  // ascending; those with segments or tails
};

struct LogScan {
  std::map<LogPlace, ScannedLog> logs;
  std::vector<std::string> unknown;  // names that are not understood: never removed
};

// Memory grows with the logs and their timelines, not with the segments.
LogScan ScanLogs(storage::Storage& storage);

// What lies in one segment: the segment, its .partial or .backup file, a tail, a summary.
struct SegmentObject {
  std::string name;
  std::uint64_t size = 0;
  base::Time modified;
  std::uint32_t timeline = 0;
  std::uint64_t start = 0;  // of the segment
  std::uint64_t end = 0;
};
// Histories and markers are not handed on. `visit` may remove objects.
void ForEachSegmentObject(storage::Storage& storage, const LogPlace& place, pg::SegmentSize size,
                          const std::function<void(const SegmentObject&)>& visit);

}  // namespace holdfast::upkeep
