#include "upkeep/log_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "pg/lsn.h"
#include "wal/object_names.h"

namespace holdfast::upkeep {

namespace {

constexpr std::string_view kArchive = "wal/";
constexpr std::string_view kTails = "wal-tail/";
constexpr std::string_view kSummaries = "wal-summary/";

struct SplitLogName {
  LogPlace place;
  std::string_view rest;  // after "<archive><source>/<system>/"
};

std::optional<SplitLogName> SplitName(std::string_view name, std::string_view archive) {
  name.remove_prefix(archive.size());
  const std::size_t source_end = name.find('/');
  if (source_end == std::string_view::npos) return std::nullopt;
  const std::size_t system_end = name.find('/', source_end + 1);
  if (system_end == std::string_view::npos) return std::nullopt;
  const auto system =
      wal::ParseSystemFolder(name.substr(source_end + 1, system_end - source_end - 1));
  if (!system) return std::nullopt;
  return SplitLogName{
      .place = {.source = std::string(name.substr(0, source_end)), .system = system->value()},
      .rest = name.substr(system_end + 1)};
}

// Names ascend, so the first segment of a timeline that is seen is its lowest.
struct SeenTimeline {
  std::string first_segment;
  base::Time newest{base::Duration::min()};
};
struct SeenLog {
  std::set<pg::SegmentSize> sizes;
  std::map<std::uint32_t, SeenTimeline> timelines;

  void Add(std::uint32_t timeline, std::string_view segment, base::Time modified) {
    SeenTimeline& seen = timelines[timeline];
    if (seen.first_segment.empty() || segment < seen.first_segment) seen.first_segment = segment;
    seen.newest = std::max(seen.newest, modified);
  }
};

class Scan {
 public:
  explicit Scan(storage::Storage& storage) : storage_(storage) {}

  LogScan Run() {
    storage_.List(kArchive, {}, [&](const storage::ObjectInfo& object) {
      const auto name = SplitName(object.name, kArchive);
      if (!name || !AddFile(*name, object.modified)) scan_.unknown.push_back(object.name);
    });
    storage_.List(kTails, {}, [&](const storage::ObjectInfo& object) {
      const auto name = SplitName(object.name, kTails);
      const auto tail = name ? wal::ParseTailObject(name->rest) : std::nullopt;
      if (!tail) return scan_.unknown.push_back(object.name);
      seen_[name->place].Add(tail->timeline.value(), tail->segment_name, object.modified);
    });
    storage_.List(kSummaries, {}, [&](const storage::ObjectInfo& object) {
      const auto name = SplitName(object.name, kSummaries);
      const auto summary = name ? wal::ParseSummaryObject(name->rest) : std::nullopt;
      if (!summary) return scan_.unknown.push_back(object.name);
      seen_[name->place].Add(summary->timeline.value(), summary->segment_name, object.modified);
    });
    for (const auto& [place, seen] : seen_) scan_.logs[place] = SumUp(seen);
    return std::move(scan_);
  }

 private:
  bool AddFile(const SplitLogName& name, base::Time modified) {
    SeenLog& seen = seen_[name.place];
    if (wal::ParseTimelineRecord(name.rest)) return true;
    if (const auto size = wal::ParseSegmentSize(name.rest)) {
      seen.sizes.insert(*size);
      return true;
    }
    const auto file = wal::ParseFileObject(name.rest);
    if (!file) return false;
    if (pg::WalFileKindOf(file->file_name) != pg::WalFileKind::kHistory) {
      seen.Add(file->timeline.value(), std::string_view(file->file_name).substr(0, 24), modified);
    }
    return true;
  }

  static ScannedLog SumUp(const SeenLog& seen) {
    ScannedLog log;
    if (seen.sizes.size() != 1) return log;
    log.segment_size = *seen.sizes.begin();
    for (const auto& [timeline, what] : seen.timelines) {
      const auto first = pg::ParseWalFileName(what.first_segment, *log.segment_size);
      // A segment that cannot be of this size: where anything lies is not certain.
      if (!first) return {};
      log.timelines.push_back(
          {.timeline = timeline,
           .first_end = pg::SegmentEnd(first->segment, *log.segment_size).value(),
           .newest = what.newest});
    }
    return log;
  }

  storage::Storage& storage_;
  LogScan scan_;
  std::map<LogPlace, SeenLog> seen_;
};

void Visit(const storage::ObjectInfo& object, std::string_view file_name, pg::SegmentSize size,
           const std::function<void(const SegmentObject&)>& visit) {
  const auto name = pg::ParseWalFileName(file_name, size);
  if (!name || name->kind == pg::WalFileKind::kHistory) return;
  visit({.name = object.name,
         .size = object.size,
         .modified = object.modified,
         .timeline = name->timeline.value(),
         .start = pg::SegmentStart(name->segment, size).value(),
         .end = pg::SegmentEnd(name->segment, size).value()});
}

}  // namespace

LogScan ScanLogs(storage::Storage& storage) { return Scan(storage).Run(); }

void ForEachSegmentObject(storage::Storage& storage, const LogPlace& place, pg::SegmentSize size,
                          const std::function<void(const SegmentObject&)>& visit) {
  const pg::SystemIdentifier system(place.system);
  const std::string files = wal::WalPrefix(place.source, system);
  storage.List(files, {}, [&](const storage::ObjectInfo& object) {
    const auto file = wal::ParseFileObject(std::string_view(object.name).substr(files.size()));
    if (file) Visit(object, file->file_name, size, visit);
  });
  const std::string tails = wal::TailPrefix(place.source, system);
  storage.List(tails, {}, [&](const storage::ObjectInfo& object) {
    const auto tail = wal::ParseTailObject(std::string_view(object.name).substr(tails.size()));
    if (tail) Visit(object, tail->segment_name, size, visit);
  });
  const std::string summaries = wal::SummaryPrefix(place.source, system);
  storage.List(summaries, {}, [&](const storage::ObjectInfo& object) {
    const auto summary =
        wal::ParseSummaryObject(std::string_view(object.name).substr(summaries.size()));
    if (summary) Visit(object, summary->segment_name, size, visit);
  });
}

}  // namespace holdfast::upkeep
