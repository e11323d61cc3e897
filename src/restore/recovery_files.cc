#include "restore/recovery_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "pg/backup_label.h"
#include "pg/version.h"
#include "pg/wal_segment.h"
#include "restore/other_copies.h"
#include "restore/portable_config.h"
#include "restore/recovery_settings.h"
#include "restore/tree_walk.h"
#include "wal/coverage.h"

namespace holdfast::restore {

namespace {

constexpr std::uint32_t kFileMode = 0600;

pg::MajorVersion VersionOf(const RestorePlan& plan) {
  return pg::MajorVersion::FromServerVersionNumber(
      static_cast<std::uint32_t>(plan.facts.server_version));
}

std::string TablespaceMap(const RestorePlan& plan) {
  std::vector<pg::TablespaceLink> links;
  for (const auto& [oid, directory] : plan.tablespaces)
    links.push_back({.tablespace = oid, .target = directory.native()});
  return pg::FormatTablespaceMap(links, VersionOf(plan));
}

// A whole segment, or for the last one as much of it as the backup needs, completed with zeros.
base::Bytes ReadSegment(wal::Archive& archive, const catalog::ClusterFacts& facts,
                        const std::string& name) {
  if (std::optional<base::Bytes> whole = archive.Get(facts.system, name)) return std::move(*whole);
  const auto size = pg::SegmentSize::FromBytes(facts.wal_segment_size);
  const auto parsed = pg::ParseWalFileName(name, size);
  if (parsed) {
    const auto open =
        archive.GetOpenSegment(facts.system, parsed->timeline,
                               pg::SegmentStart(parsed->segment, size), facts.wal_segment_size);
    if (open && open->end >= facts.stop_lsn) return open->bytes;
  }
  throw base::Error(base::ErrorKind::kCorrupt,
                    fmt::format("WAL segment {} of the backup is not in the archive", name),
                    {"choose another backup: holdfast list shows them"});
}

base::Bytes ReadHistory(wal::Archive& archive, const catalog::ClusterFacts& facts,
                        const std::string& name) {
  if (std::optional<base::Bytes> history = archive.Get(facts.system, name))
    return std::move(*history);
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("{} is not in the archive", name));
}

}  // namespace

void EndWalAt(pg::Lsn stop, std::string_view name, base::Bytes& segment) {
  const auto size = pg::SegmentSize::FromBytes(static_cast<std::uint32_t>(segment.size()));
  const auto parsed = pg::ParseWalFileName(name, size);
  if (!parsed) return;
  const pg::Lsn start = pg::SegmentStart(parsed->segment, size);
  if (stop < start || stop >= pg::SegmentEnd(parsed->segment, size)) return;
  const auto kept = static_cast<std::ptrdiff_t>(stop.value() - start.value());
  std::fill(segment.begin() + kept, segment.end(), std::uint8_t{0});
}

std::vector<WrittenFile> RecoveryFiles::WriteLabels() {
  std::vector<WrittenFile> written{
      out_.Write("backup_label", base::AsBytes(plan_.facts.backup_label), kFileMode)};
  if (!plan_.tablespaces.empty())
    written.push_back(out_.Write("tablespace_map", base::AsBytes(TablespaceMap(plan_)), kFileMode));
  return written;
}

WrittenFile RecoveryFiles::WriteConfig(const repo::TreeEntry& entry, base::ByteView restored) {
  if (plan_.starts_as == StartsAs::kBaseBackup) {
    return out_.Write(entry.path, base::AsBytes(WithoutPlaces(base::AsText(restored))), entry.mode);
  }
  const std::string text = fmt::format(
      "{}\n# Added by holdfast restore: otherwise the server would run on {}.\n"
      "data_directory = {}\n",
      base::AsText(restored), plan_.config.other_data_directory, QuoteSetting(plan_.to.native()));
  return out_.Write(entry.path, base::AsBytes(text), entry.mode);
}

void RecoveryFiles::WriteSettings(base::ByteView restored) {
  const std::string_view existing = base::AsText(restored);
  if (plan_.starts_as == StartsAs::kBaseBackup) {
    out_.Write(kAutoConfPath, base::AsBytes(ExportedAutoConf(existing, plan_.config.overrides)),
               kFileMode);
    return;
  }
  const std::string settings =
      AutoConf(existing, {.target = plan_.target,
                          .timeline = plan_.target_timeline,
                          .gap = plan_.gap,
                          .fetch_command = options_.fetch_command,
                          .version = VersionOf(plan_),
                          .replaces_source = options_.replaces_source,
                          .in_place_tablespaces = std::ranges::any_of(
                              plan_.facts.tablespaces, &catalog::TablespaceFacts::in_place),
                          .overrides = plan_.config.overrides});
  out_.Write(kAutoConfPath, base::AsBytes(settings), kFileMode);
  out_.Write("recovery.signal", {}, kFileMode);
}

void RecoveryFiles::WriteWal(const repo::Repository& repository, const std::stop_token& stop) {
  wal::Archive archive(repository, plan_.backup.id.source);
  const bool alone = plan_.starts_as == StartsAs::kBaseBackup;
  for (const std::string& name :
       wal::NeededSegments(plan_.lineage, plan_.facts.start_lsn, plan_.facts.stop_lsn,
                           plan_.facts.wal_segment_size)) {
    base::ThrowIfStopped(stop);
    base::Bytes segment;
    plan_.others->ReadLog(
        archive, [&](wal::Archive& from) { segment = ReadSegment(from, plan_.facts, name); });
    if (alone) EndWalAt(plan_.facts.stop_lsn, name, segment);
    out_.Write("pg_wal/" + name, segment, kFileMode);
  }
  if (alone && plan_.facts.timeline != pg::TimelineId(1)) WriteHistory(archive);
}

void RecoveryFiles::WriteHistory(wal::Archive& archive) {
  const std::string name = pg::FormatHistoryName(plan_.facts.timeline);
  base::Bytes history;
  plan_.others->ReadLog(
      archive, [&](wal::Archive& from) { history = ReadHistory(from, plan_.facts, name); });
  out_.Write("pg_wal/" + name, history, kFileMode);
}

}  // namespace holdfast::restore
