#include "restore/old_wal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <tuple>

#include "base/error.h"
#include "pg/version.h"
#include "pg/wal_page.h"
#include "pg/wal_reader.h"
#include "pg/wal_segment.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

// Of access/rmgrlist.h's XLOG (catalog/pg_control.h): checkpoints and switches. Not full page
// images, which VACUUM FULL and new indexes consist of.
constexpr std::array<std::uint8_t, 4> kLastWordsOfXlog = {0x00, 0x10, 0x40, 0xE0};
constexpr std::uint8_t kRunningTransactions = 0x10;  // storage/standbydefs.h

bool IsHousekeeping(const pg::WalRecord& record) {
  if (record.header.resource_manager == pg::ResourceManager::kStandby)
    return record.kind() == kRunningTransactions;
  return record.header.resource_manager == pg::ResourceManager::kXlog &&
         std::ranges::find(kLastWordsOfXlog, record.kind()) != kLastWordsOfXlog.end();
}

struct LocalFile {
  pg::WalFileName parsed;
  std::string name;  // relative to pg_wal
};

pg::SegmentSize SizeOf(const catalog::ClusterFacts& facts) {
  return pg::SegmentSize::FromBytes(facts.wal_segment_size);
}

// Nothing of this WAL is in it: it is empty, or recycled and not written yet.
bool IsPreparedForUse(const catalog::ClusterFacts& facts, const pg::WalFileName& parsed,
                      base::ByteView contents) {
  if (parsed.kind != pg::WalFileKind::kSegment) return false;
  return base::AllZero(contents) || pg::CheckSegment(contents, {.system_identifier = facts.system,
                                                                .segment_size = SizeOf(facts),
                                                                .timeline = parsed.timeline,
                                                                .segment = parsed.segment})
                                            .problem == pg::SegmentProblem::kOtherPosition;
}

// Behind `archived_to` there is nothing in the segment that anybody could miss, and nothing of it
// goes on in the next.
bool EndsInLastWords(const catalog::ClusterFacts& facts, pg::Lsn start, pg::Lsn archived_to,
                     base::ByteView contents) {
  const pg::Lsn end = start + contents.size();
  pg::WalReader reader({.version = pg::MajorVersion::FromServerVersionNumber(
                            static_cast<std::uint32_t>(facts.server_version)),
                        .segment_size = SizeOf(facts),
                        .start = start,
                        .system_identifier = facts.system});
  reader.Feed(contents);
  const bool continues =
      (pg::ParseWalPageHeader(contents).flags & pg::WalPageHeader::kContinuesRecord) != 0;
  std::optional<pg::Lsn> first;
  pg::Lsn last = start;
  while (const pg::WalRecord* record = reader.Next()) {
    if (!first) first = record->start;
    last = record->end;
    if (record->end > archived_to && !IsHousekeeping(*record)) return false;
  }
  // The rest of a record that began in the segment before.
  if (continues && (!first || *first > archived_to)) return false;
  if (!reader.end()) return last == end;
  return reader.end()->reason == pg::WalEndReason::kNoRecord ||
         reader.end()->reason == pg::WalEndReason::kBadPage;
}

class OldWal {
 public:
  OldWal(wal::Archive& archive, const catalog::ClusterFacts& facts, base::Path pg_wal)
      : archive_(archive), facts_(facts), pg_wal_(std::move(pg_wal)) {}

  std::vector<std::string> Unarchived() {
    std::vector<LocalFile> files = NotWholeInArchive();
    std::ranges::sort(files, {}, [](const LocalFile& file) {
      return std::tuple(file.parsed.timeline, file.parsed.segment, file.name);
    });
    if (!files.empty() && IsNewestAndToldInATail(files.back())) files.pop_back();
    std::vector<std::string> names;
    names.reserve(files.size());
    for (LocalFile& file : files) names.push_back(std::move(file.name));
    std::ranges::sort(names);
    return names;
  }

 private:
  std::vector<LocalFile> NotWholeInArchive() {
    std::vector<LocalFile> files;
    for (const std::string& folder : Folders()) {
      for (const std::string& name : base::NamesIn(pg_wal_ / folder)) {
        const auto parsed = pg::ParseWalFileName(name, SizeOf(facts_));
        if (!parsed || parsed->kind == pg::WalFileKind::kBackupHistory) continue;
        const base::Bytes contents = base::ReadFile(pg_wal_ / folder / name);
        if (IsPreparedForUse(facts_, *parsed, contents)) continue;
        if (archive_.Holds(facts_.system, name, contents)) continue;
        files.push_back({.parsed = *parsed, .name = (base::Path(folder) / name).native()});
      }
    }
    return files;
  }

  std::vector<std::string> Folders() const {
    std::vector<std::string> folders = {""};
    for (std::string& name : base::NamesIn(pg_wal_)) {
      if (name.starts_with(kKeptWalFolder)) folders.push_back(std::move(name));
    }
    return folders;
  }

  bool IsNewestAndToldInATail(const LocalFile& file) {
    if (file.parsed.kind != pg::WalFileKind::kSegment) return false;
    try {
      return IsToldInATail(file.parsed, base::ReadFile(pg_wal_ / file.name));
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kConflict && error.kind() != base::ErrorKind::kCorrupt)
        throw;
      return false;
    }
  }

  bool IsToldInATail(const pg::WalFileName& parsed, base::ByteView contents) {
    const pg::SegmentSize size = SizeOf(facts_);
    if (contents.size() != size.bytes()) return false;
    const pg::SegmentCheck check = pg::CheckSegment(contents, {.system_identifier = facts_.system,
                                                               .segment_size = size,
                                                               .timeline = parsed.timeline,
                                                               .segment = parsed.segment});
    if (!check.IsSound()) return false;
    const pg::Lsn start = pg::SegmentStart(parsed.segment, size);
    const auto open =
        archive_.GetOpenSegment(facts_.system, parsed.timeline, start, facts_.wal_segment_size);
    const pg::Lsn archived_to = open ? open->end : start;
    const auto length = static_cast<std::size_t>(archived_to - start);
    if (open && !base::Equal(contents.first(length), base::ByteView(open->bytes).first(length)))
      return false;
    return EndsInLastWords(facts_, start, archived_to, contents);
  }

  wal::Archive& archive_;
  const catalog::ClusterFacts& facts_;
  const base::Path pg_wal_;
};

// A server that starts makes them anew, or does without.
bool IsMadeAnew(const std::string& name) {
  const auto kind = pg::WalFileKindOf(name);
  return name == "archive_status" || name == "summaries" || name.starts_with("xlogtemp.") ||
         name.starts_with("RECOVERY") || (kind && *kind == pg::WalFileKind::kBackupHistory);
}

bool HasSameContent(const base::Path& a, const base::Path& b) {
  return fs::is_regular_file(a) && fs::is_regular_file(b) && fs::file_size(a) == fs::file_size(b) &&
         base::ReadFile(a) == base::ReadFile(b);
}

void MoveAside(const std::string& name, const base::Path& pg_wal) {
  const base::Path from = pg_wal / name;
  base::Path folder = pg_wal / kKeptWalFolder;
  for (int number = 2; base::Exists(folder / name); ++number) {
    if (HasSameContent(from, folder / name)) {
      base::RemoveFile(from);
      return;
    }
    folder = pg_wal / fmt::format("{}-{}", kKeptWalFolder, number);
  }
  base::MakeDirectories(folder);
  const base::Path to = folder / name;
  if (std::rename(from.c_str(), to.c_str()) != 0)
    throw base::SystemError(errno, fmt::format("cannot rename a file to {}", to.native()));
  base::SyncDirectory(folder);
}

}  // namespace

std::vector<std::string> UnarchivedWal(wal::Archive& archive, const catalog::ClusterFacts& facts,
                                       const base::Path& pg_wal) {
  if (!base::Exists(pg_wal)) return {};
  return OldWal(archive, facts, pg_wal).Unarchived();
}

std::uint64_t PutWalAside(const catalog::ClusterFacts& facts, const base::Path& pg_wal) {
  if (!base::Exists(pg_wal)) return 0;
  std::uint64_t moved = 0;
  for (const std::string& name : base::NamesIn(pg_wal)) {
    if (name == "lost+found" || name.starts_with(kKeptWalFolder)) continue;
    const auto parsed = pg::ParseWalFileName(name, SizeOf(facts));
    const bool prepared = parsed && IsPreparedForUse(facts, *parsed, base::ReadFile(pg_wal / name));
    if (IsMadeAnew(name) || prepared) {
      fs::remove_all(pg_wal / name);
    } else {
      MoveAside(name, pg_wal);
      ++moved;
    }
  }
  return moved;
}

}  // namespace holdfast::restore
