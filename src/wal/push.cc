#include "wal/push.h"

#include <fmt/format.h>

#include "base/error.h"
#include "pg/control_file.h"
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

// A history or backup file lies in pg_wal, beside global/pg_control.
pg::SystemIdentifier SystemOfCluster(const base::Path& path) {
  const base::Path folder = path.has_parent_path() ? path.parent_path() : base::Path(".");
  // pg_wal may be a symbolic link out of the data directory, where ".." would lead elsewhere; the
  // server runs archive_command in its data directory.
  for (const base::Path& control :
       {folder.parent_path() / "global/pg_control", folder / "../global/pg_control",
        base::Path("global/pg_control")}) {
    const std::optional<base::Bytes> bytes = base::ReadFileIfExists(control);
    if (bytes) return pg::ParseControlFile(*bytes).system_identifier;
  }
  throw base::Error(
      base::ErrorKind::kUsage,
      fmt::format("cannot tell which cluster {} belongs to: there is no global/pg_control beside "
                  "its folder",
                  path.native()),
      {"run it as archive_command does, with a path inside the server's pg_wal"});
}

void RequireExpected(pg::SystemIdentifier found, std::optional<pg::SystemIdentifier> expected,
                     const base::Path& path, const std::string& source) {
  if (!expected || found == *expected) return;
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("{} is of the cluster {}, but the source {} is the cluster {}", path.native(),
                  found.value(), source, expected->value()),
      {"each cluster needs a source of its own; after pg_upgrade take a first backup of the new "
       "cluster"});
}

}  // namespace

ArchiveOutcome Push(Archive& archive, const base::Path& path,
                    std::optional<pg::SystemIdentifier> expected) {
  const std::string file_name = path.filename().native();
  const pg::WalFileKind kind = KindOf(file_name, path);
  const base::Bytes contents = base::ReadFile(path);
  const bool segment = kind == pg::WalFileKind::kSegment || kind == pg::WalFileKind::kPartial;
  const pg::SystemIdentifier system =
      segment ? CheckSegment(contents, file_name).system : SystemOfCluster(path);
  RequireExpected(system, expected, path, archive.source());
  return archive.Put(system, file_name, contents);
}

}  // namespace holdfast::wal
