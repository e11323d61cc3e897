#include "wal/push.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "base/error.h"
#include "pg/wal_segment.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

pg::WalFileKind KindOf(const std::string& file_name, const base::Path& path) {
  const std::optional<pg::WalFileKind> kind = pg::WalFileKindOf(file_name);
  if (kind) return *kind;
  throw base::Error(
      base::ErrorKind::kUsage,
      fmt::format("{} has not the name of a file that PostgreSQL archives", path.native()),
      {"archive_command passes the file as %p: holdfast wal push %p"});
}

void RequireExpected(pg::SystemIdentifier found, pg::SystemIdentifier expected,
                     const base::Path& path, const std::string& source) {
  if (found == expected) return;
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("{} is of the cluster {}, but the source {} is the cluster {}", path.native(),
                  found.value(), source, expected.value()),
      {"each cluster needs a source of its own; after pg_upgrade take a first backup of the new "
       "cluster"});
}

base::Bytes ReadPushed(const base::Path& path) {
  try {
    return base::ReadFile(path);
  } catch (base::Error& error) {
    if (error.kind() == base::ErrorKind::kNotFound && error.hints().empty())
      error.AddHint(
          "archive_command passes the file as %p, from the data directory on, in which the server "
          "runs it");
    throw;
  }
}

// What is wrong is wrong with the file here, and not with the repository.
SegmentHeader CheckPushed(base::ByteView contents, const std::string& file_name,
                          const base::Path& path) {
  try {
    return CheckSegment(contents, file_name);
  } catch (base::Error& error) {
    if (error.kind() == base::ErrorKind::kCorrupt)
      error.AddHint(
          fmt::format("look at {}: it is cut, or not a file of this server; nothing was "
                      "stored",
                      path.native()));
    throw;
  }
}

// For the record that begins in one segment and ends in the next.
PreviousSegment SegmentBefore(const base::Path& path, const SegmentHeader& header,
                              std::string_view file_name) {
  return [=, name = pg::ParseWalFileName(file_name, header.segment_size)](
             std::uint64_t count) -> std::optional<base::Bytes> {
    if (!name || name->segment == pg::SegmentNumber(0)) return std::nullopt;
    const pg::SegmentNumber before(name->segment.value() - 1);
    const std::uint64_t size = header.segment_size.bytes();
    const auto file = base::File::OpenIfExists(
        path.parent_path() / pg::FormatSegmentName(name->timeline, before, header.segment_size),
        O_RDONLY);
    if (!file || file->Size() != size || count > size) return std::nullopt;
    base::Bytes end(count);
    if (file->ReadAt(size - count, end) != count) return std::nullopt;
    return end;
  };
}

}  // namespace

ArchiveOutcome Push(Archive& archive, const base::Path& path, pg::SystemIdentifier system) {
  const std::string file_name = path.filename().native();
  const pg::WalFileKind kind = KindOf(file_name, path);
  const base::Bytes contents = ReadPushed(path);
  const bool segment = kind == pg::WalFileKind::kSegment || kind == pg::WalFileKind::kPartial;
  const std::optional<SegmentHeader> header =
      segment ? std::optional(CheckPushed(contents, file_name, path)) : std::nullopt;
  if (header) RequireExpected(header->system, system, path, archive.source());
  const ArchiveOutcome outcome = archive.Put(system, file_name, contents);
  if (kind == pg::WalFileKind::kSegment && outcome == ArchiveOutcome::kStored) {
    Summaries summaries = archive.summaries();
    (void)SummariseInto(summaries, system, file_name, contents,
                        SegmentBefore(path, *header, file_name));
  }
  return outcome;
}

}  // namespace holdfast::wal
