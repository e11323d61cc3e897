#include "restore/old_wal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "pg/version.h"
#include "pg/wal_page.h"
#include "pg/wal_reader.h"
#include "pg/wal_segment.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

// Checkpoints, switches, lists of running transactions: a server that stops writes them, and nobody
// misses them.
bool IsHousekeeping(const pg::WalRecord& record) {
  return record.header.resource_manager == pg::ResourceManager::kXlog ||
         record.header.resource_manager == pg::ResourceManager::kStandby;
}

// Where a segment's file has its last record that somebody might miss; its end where that cannot be
// told, as when nothing begins in it.
pg::Lsn EndOfWal(const catalog::ClusterFacts& facts, pg::Lsn start, base::ByteView contents) {
  if (base::AllZero(contents)) return start;
  pg::WalReader reader({.version = pg::MajorVersion::FromServerVersionNumber(
                            static_cast<std::uint32_t>(facts.server_version)),
                        .segment_size = pg::SegmentSize::FromBytes(facts.wal_segment_size),
                        .start = start,
                        .system_identifier = facts.system});
  reader.Feed(contents);
  pg::Lsn end = start;
  while (const pg::WalRecord* record = reader.Next()) {
    if (!IsHousekeeping(*record)) end = record->end;
  }
  return reader.valid_to().IsValid() ? end : start + contents.size();
}

class OldWal {
 public:
  OldWal(wal::Archive& archive, const catalog::ClusterFacts& facts)
      : archive_(archive), facts_(facts) {}

  bool IsArchived(const std::string& name, base::ByteView contents) {
    if (archive_.Holds(facts_.system, name, contents)) return true;
    const auto size = pg::SegmentSize::FromBytes(facts_.wal_segment_size);
    const auto parsed = pg::ParseWalFileName(name, size);
    if (!parsed || contents.size() != size.bytes()) return false;
    const pg::SegmentCheck check = pg::CheckSegment(contents, {.system_identifier = facts_.system,
                                                               .segment_size = size,
                                                               .timeline = parsed->timeline,
                                                               .segment = parsed->segment});
    // Prepared for use: nothing of this WAL is in it.
    if (check.problem == pg::SegmentProblem::kOtherPosition || base::AllZero(contents)) return true;
    if (!check.IsSound()) return false;
    const pg::Lsn start = pg::SegmentStart(parsed->segment, size);
    const auto open =
        archive_.GetOpenSegment(facts_.system, parsed->timeline, start, facts_.wal_segment_size);
    const pg::Lsn archived_to = open ? open->end : start;
    const auto length = static_cast<std::size_t>(archived_to.value() - start.value());
    if (length > 0 &&
        !std::ranges::equal(contents.first(length), base::ByteView(open->bytes).first(length)))
      return false;
    return EndOfWal(facts_, start, contents) <= archived_to;
  }

 private:
  wal::Archive& archive_;
  const catalog::ClusterFacts& facts_;
};

base::Path FreeName(const base::Path& wanted) {
  base::Path free = wanted;
  for (int number = 1; base::Exists(free); ++number)
    free = wanted.native() + "." + std::to_string(number);
  return free;
}

}  // namespace

std::vector<std::string> UnarchivedWal(wal::Archive& archive, const catalog::ClusterFacts& facts,
                                       const base::Path& pg_wal) {
  std::vector<std::string> unarchived;
  if (!base::Exists(pg_wal)) return unarchived;
  OldWal wal(archive, facts);
  for (const std::string& name : base::NamesIn(pg_wal)) {
    const auto kind = pg::WalFileKindOf(name);
    if (!kind || *kind == pg::WalFileKind::kBackupHistory) continue;
    bool archived = false;
    try {
      archived = wal.IsArchived(name, base::ReadFile(pg_wal / name));
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kConflict && error.kind() != base::ErrorKind::kCorrupt)
        throw;
    }
    if (!archived) unarchived.push_back(name);
  }
  std::ranges::sort(unarchived);
  return unarchived;
}

void KeepOnly(const std::vector<std::string>& names, const base::Path& pg_wal) {
  if (!base::Exists(pg_wal)) return;
  const base::Path folder = pg_wal / kKeptWalFolder;
  if (!names.empty()) base::MakeDirectories(folder);
  for (const std::string& name : names) {
    const base::Path from = pg_wal / name;
    const base::Path to = FreeName(folder / name);
    if (std::rename(from.c_str(), to.c_str()) != 0)
      throw base::SystemError(errno, fmt::format("cannot rename a file to {}", to.native()));
  }
  if (!names.empty()) base::SyncDirectory(folder);
  for (const std::string& name : base::NamesIn(pg_wal)) {
    if (name != kKeptWalFolder) fs::remove_all(pg_wal / name);
  }
}

}  // namespace holdfast::restore
