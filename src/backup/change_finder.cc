#include "backup/change_finder.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pg/cluster_reader.h"
#include "wal/change_search.h"

namespace holdfast::backup {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t kMaxHistory = base::kMiB;

std::unique_ptr<pg::WalDirectory> OpenWal(const BackupOptions& options,
                                          const pg::BackupSession& session) {
  if (options.data_directory) return pg::OpenLocalWalDirectory(*options.data_directory);
  return pg::OpenSqlWalDirectory(options.connect, session);
}

// The server's own file: it needs not be in the archive yet.
pg::TimelineHistory HistoryOf(pg::TimelineId timeline, pg::WalDirectory& directory) {
  if (timeline == pg::TimelineId(1)) return {};
  base::Bytes text(kMaxHistory);
  const auto count = directory.ReadAt(pg::FormatHistoryName(timeline), 0, text);
  if (!count) {
    throw Error(ErrorKind::kNotFound,
                fmt::format("the history of timeline {} is not there", timeline.value()));
  }
  return pg::TimelineHistory::Parse(timeline, base::AsText(base::ByteView(text).first(*count)));
}

bool IsAboutTheWal(const Error& error) {
  return error.kind() == ErrorKind::kNotFound || error.kind() == ErrorKind::kCorrupt ||
         error.kind() == ErrorKind::kConflict || error.kind() == ErrorKind::kDenied;
}

// Nothing was archived behind the earlier backup: nobody streams or pushes.
bool IsKeptForBackupsOnly(wal::Archive& archive, const catalog::ClusterFacts& parent) {
  const auto size = pg::SegmentSize::FromBytes(parent.wal_segment_size);
  return !archive.HasLaterSegment(
      parent.system,
      pg::FormatSegmentName(parent.timeline, pg::SegmentOfByteBefore(parent.stop_lsn, size), size));
}

std::string TextOf(const std::set<pg::ChangeDoubt>& doubts) {
  std::vector<std::string_view> texts;
  texts.reserve(doubts.size());
  for (const pg::ChangeDoubt doubt : doubts) texts.push_back(pg::ChangeDoubtText(doubt));
  return fmt::format("{}", fmt::join(texts, ", and "));
}

FoundByWal Search(const BackupOptions& options, const pg::BackupSession& session,
                  const catalog::ClusterFacts& parent, wal::Archive& archive,
                  pg::WalDirectory& directory, const std::stop_token& stop) {
  const pg::TimelineHistory history = HistoryOf(session.start().timeline, directory);
  if (auto why = WhyNotBuiltOn(parent, session.facts(), session.start(), history)) {
    return {.changes = {}, .why_not = std::move(*why)};
  }
  const wal::ReadServerWal server = [&](std::string_view name, std::uint64_t offset,
                                        base::MutableByteView out) {
    return directory.ReadAt(name, offset, out);
  };
  wal::FoundChanges found =
      FindChanges(archive, server,
                  {.system = parent.system,
                   .segment_size = pg::SegmentSize::FromBytes(parent.wal_segment_size),
                   .lineage = history.Spans(),
                   .from = parent.start_lsn,
                   .to = session.start().lsn,
                   .jobs = options.jobs},
                  stop);
  if (!found.changes.doubts().empty()) {
    return {.changes = {}, .why_not = TextOf(found.changes.doubts())};
  }
  return {.changes = std::move(found.changes),
          .why_not = {},
          .is_normal = true,
          .from_summaries = found.from_summaries,
          .from_wal = found.from_wal};
}

}  // namespace

std::optional<std::string> WhyNotBuiltOn(const catalog::ClusterFacts& parent,
                                         const pg::ClusterFacts& cluster,
                                         const pg::BackupStart& start,
                                         const pg::TimelineHistory& history) {
  if (parent.system != cluster.system_identifier) return "the backup before is of another cluster";
  if (parent.data_checksums != cluster.data_checksums) {
    return "page checksums were switched since the backup before";
  }
  if (parent.wal_segment_size != cluster.wal_segment_size) {
    return "the size of WAL segments was changed since the backup before";
  }
  if (!history.CanContinueFrom(parent.timeline, parent.stop_lsn)) {
    return fmt::format(
        "the server left the timeline of the backup before, {}, ahead of that backup's end",
        parent.timeline.value());
  }
  if (start.lsn < parent.stop_lsn) return "the backup before ends behind this one's start";
  return std::nullopt;
}

FoundByWal FindByWal(const BackupOptions& options, const pg::BackupSession& session,
                     const catalog::ClusterFacts& parent, wal::Archive& archive,
                     const std::stop_token& stop) {
  try {
    const std::unique_ptr<pg::WalDirectory> directory = OpenWal(options, session);
    return Search(options, session, parent, archive, *directory, stop);
  } catch (const Error& error) {
    if (!IsAboutTheWal(error)) throw;
    return {
        .changes = {},
        .why_not = error.message(),
        .is_normal = error.kind() == ErrorKind::kNotFound && IsKeptForBackupsOnly(archive, parent)};
  }
}

}  // namespace holdfast::backup
