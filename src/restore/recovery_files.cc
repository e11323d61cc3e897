#include "restore/recovery_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "pg/backup_label.h"
#include "pg/crc32c.h"
#include "pg/version.h"
#include "pg/wal_segment.h"
#include "restore/claim.h"
#include "restore/destination.h"
#include "restore/other_copies.h"
#include "restore/recovery_settings.h"
#include "wal/archive.h"
#include "wal/coverage.h"

namespace holdfast::restore {

namespace {

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
                    {"choose another backup with --backup"});
}

base::Bytes ReadSegmentSomewhere(wal::Archive& archive, const RestorePlan& plan,
                                 const std::string& name) {
  base::Bytes bytes;
  const auto read = [&](wal::Archive& from) { bytes = ReadSegment(from, plan.facts, name); };
  try {
    read(archive);
  } catch (const base::Error& error) {
    if (!base::MayLieElsewhere(error)) throw;
    plan.others->ReadLogInstead(error, read);
  }
  return bytes;
}

}  // namespace

WrittenFile RecoveryFiles::Write(std::string_view path, base::ByteView contents,
                                 std::uint32_t mode) {
  const base::Path place = plan_.to / path;
  AtDestination([&] {
    base::WriteFileDurably(place, contents);
    SetOwnerAndMode(place, owner_, mode);
  });
  return {.path = std::string(path),
          .size = contents.size(),
          .modified = plan_.facts.stop_time,
          .crc32c = pg::Crc32cOf(contents)};
}

std::vector<WrittenFile> RecoveryFiles::WriteLabels() {
  std::vector<WrittenFile> written{Write("backup_label", base::AsBytes(plan_.facts.backup_label))};
  if (!plan_.tablespaces.empty())
    written.push_back(Write("tablespace_map", base::AsBytes(TablespaceMap(plan_))));
  return written;
}

WrittenFile RecoveryFiles::WriteConfig(base::ByteView restored, std::uint32_t mode) {
  const std::string text = fmt::format(
      "{}\n# Added by holdfast restore: otherwise the server would run on {}.\n"
      "data_directory = {}\n",
      base::AsText(restored), plan_.config.other_data_directory, QuoteSetting(plan_.to.native()));
  return Write(kConfigPath, base::AsBytes(text), mode);
}

void RecoveryFiles::WriteSettings() {
  const base::Bytes existing =
      base::ReadFileIfExists(plan_.to / "postgresql.auto.conf").value_or(base::Bytes{});
  const std::string settings = AutoConf(
      base::AsText(existing), {.target = plan_.target,
                               .timeline = plan_.target_timeline,
                               .gap = plan_.gap,
                               .fetch_command = options_.fetch_command,
                               .version = VersionOf(plan_),
                               .replaces_source = options_.replaces_source,
                               .in_place_tablespaces = std::ranges::any_of(
                                   plan_.facts.tablespaces, &catalog::TablespaceFacts::in_place),
                               .overrides = plan_.config.overrides});
  Write("postgresql.auto.conf", base::AsBytes(settings));
  Write("recovery.signal", {});
}

void RecoveryFiles::WriteWal(const repo::Repository& repository, const std::stop_token& stop) {
  wal::Archive archive(repository, options_.source);
  for (const std::string& name :
       wal::NeededSegments(plan_.lineage, plan_.facts.start_lsn, plan_.facts.stop_lsn,
                           plan_.facts.wal_segment_size)) {
    base::ThrowIfStopped(stop);
    Write("pg_wal/" + name, ReadSegmentSomewhere(archive, plan_, name));
  }
}

void RecoveryFiles::WriteControlFile(base::ByteView contents, std::uint32_t mode) {
  constexpr std::string_view kFresh = "global/pg_control.new";
  Write(kFresh, contents, mode);
  const base::Path from = plan_.to / kFresh;
  const base::Path place = plan_.to / kControlPath;
  if (std::rename(from.c_str(), place.c_str()) != 0) {
    throw base::SystemError(errno, fmt::format("cannot rename a file to {}", place.native()));
  }
  base::SyncDirectory(place.parent_path());
}

}  // namespace holdfast::restore
