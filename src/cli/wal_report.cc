#include "cli/wal_report.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace holdfast::cli {

std::vector<wal::Gap> GapsOf(const wal::Inventory& inventory) {
  std::vector<wal::Gap> gaps;
  for (std::size_t i = 1; i < inventory.ranges.size(); ++i) {
    const wal::WalRange& before = inventory.ranges[i - 1];
    const wal::WalRange& after = inventory.ranges[i];
    if (before.timeline == after.timeline && before.end < after.start)
      gaps.push_back({before.timeline, before.end, after.start});
  }
  return gaps;
}

std::vector<SystemReport> ReportOnWal(wal::Archive& archive) {
  std::vector<SystemReport> reports;
  for (const pg::SystemIdentifier system : archive.Systems()) {
    SystemReport report;
    report.system = system;
    report.inventory = archive.Take(system);
    report.gaps = GapsOf(report.inventory);
    for (const wal::Gap& gap : report.gaps)
      report.problems.push_back("missing: " + gap.ToString(report.inventory.segment_size));
    for (const wal::ForkedFile& fork : report.inventory.forks)
      report.problems.push_back(fmt::format("{} is there with {} different contents",
                                            fork.file_name, fork.objects.size()));
    for (const std::string& object : report.inventory.unknown)
      report.problems.push_back(fmt::format("object {} is not understood", object));
    for (const std::string& damage : report.inventory.damaged)
      report.problems.push_back("damaged: " + damage);
    reports.push_back(std::move(report));
  }
  return reports;
}

namespace {

// Histories of earlier versions are sealed like WAL: null for a key that may only add.
nlohmann::json HistoryJson(wal::Archive& archive, pg::SystemIdentifier system,
                           pg::TimelineId timeline) {
  try {
    const auto history = archive.History(system, timeline);
    return history ? nlohmann::json(history->Format()) : nlohmann::json();
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kDenied || archive.reads_content()) throw;
    return nullptr;
  }
}

}  // namespace

nlohmann::json ToJson(wal::Archive& archive, const SystemReport& report) {
  nlohmann::json timelines = nlohmann::json::array();
  for (const pg::TimelineId timeline : report.inventory.timelines) {
    nlohmann::json ranges = nlohmann::json::array();
    nlohmann::json gaps = nlohmann::json::array();
    for (const wal::WalRange& range : report.inventory.ranges) {
      if (range.timeline == timeline)
        ranges.push_back({{"start_lsn", pg::FormatLsn(range.start)},
                          {"end_lsn", pg::FormatLsn(range.end)},
                          {"open", range.open}});
    }
    for (const wal::Gap& gap : report.gaps) {
      if (gap.timeline == timeline)
        gaps.push_back(
            {{"start_lsn", pg::FormatLsn(gap.start)}, {"end_lsn", pg::FormatLsn(gap.end)}});
    }
    timelines.push_back({{"timeline", timeline.value()},
                         {"ranges", std::move(ranges)},
                         {"gaps", std::move(gaps)},
                         {"history", HistoryJson(archive, report.system, timeline)}});
  }
  return {{"system_identifier", std::to_string(report.system.value())},
          {"segment_size", report.inventory.segment_size},
          {"timelines", std::move(timelines)},
          {"unread", report.inventory.unread}};
}

}  // namespace holdfast::cli
