// What each path below a data directory is, decided by its name alone: which files are relations
// made of pages, which have no place in a backup, and which must not be missing.
//
// Paths are relative to the data directory, with '/' between parts and none at either end, as
// pg_ls_dir and the file system show them; tablespaces are seen through pg_tblspc/OID/... A name is
// taken for a relation's only in the folders where the server keeps relations: base/N, global and
// pg_tblspc/OID/PG_<major>_<catalog version>/N. So pg_xact/0000 is none, and base/1 is not a prefix
// of base/12699.
//
// Source: src/backend/backup/basebackup.c, src/common/relpath.c, src/backend/storage/file/reinit.c.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "pg/lsn.h"

namespace holdfast::pg {

inline constexpr Oid kDefaultTablespace = 1663;  // base/
inline constexpr Oid kGlobalTablespace = 1664;   // global/, with database 0

// Numbered as in the WAL.
enum class Fork : std::uint8_t { kMain = 0, kFsm = 1, kVm = 2, kInit = 3 };
// "main", "fsm", "vm", "init".
std::string_view ForkName(Fork fork);

// RelFileLocator: which relation's storage, in the terms of WAL block references.
struct RelationId {
  Oid tablespace = 0;
  Oid database = 0;
  Oid number = 0;
  friend auto operator<=>(const RelationId&, const RelationId&) = default;
};

// One segment file of one fork.
struct RelationFile {
  RelationId relation;
  Fork fork = Fork::kMain;
  std::uint32_t segment = 0;
  friend auto operator<=>(const RelationFile&, const RelationFile&) = default;
};

// The block number of the file's first page, counted over the fork's segments: what page checksums
// and WAL records count in. `blocks_per_segment` comes from pg_control (131072 by default).
// Throws Error(kCorrupt) when it would pass 2^32.
BlockNumber FirstBlock(const RelationFile& file, std::uint32_t blocks_per_segment);

// "base/5/16384_vm.1". `tablespace_version_directory` is TablespaceVersionDirectory() of version.h
// and only used outside the default and global tablespaces.
std::string RelationPath(const RelationFile& file, std::string_view tablespace_version_directory);

enum class FileRole {
  kRelation,  // pages with checksums, if the cluster has them
  kControl,   // global/pg_control: read last, whole, checked by its CRC
  kOther,     // read whole; no pages, whatever its name looks like
};

// Why a path stays out of a backup.
enum class Exclusion {
  kNone,
  kTemporaryFile,      // pgsql_tmp...: sort and hash spill files and their folders
  kTemporaryRelation,  // t3_16384: dropped when the server starts
  kEmptiedAtStart,     // inside pg_notify, pg_subtrans, ...: recreated or cleared at start
  kReplicationSlot,    // inside pg_replslot: slots belong to a server, not to its data
  kWal,                // inside pg_wal: archived on its own
  kRebuiltAtStart,     // pg_internal.init
  kServerState,        // postmaster.pid, postmaster.opts, half-written *.tmp of settings
  kBackupState,        // backup_label, pg_control.holdfast, ... of some other backup or restore
  kRecoverySignal,     // recovery.signal, standby.signal: written anew by a restore
  kOtherMajorVersion,  // another major version's folder in a tablespace
  kNotTheServersOwn,   // .DS_Store
};
std::string_view ExclusionName(Exclusion exclusion);

// What it means when a file that was listed is gone when it is opened.
enum class WhenMissing {
  kFine,                     // dropped meanwhile: the WAL says so
  kFatal,                    // the cluster is not whole without it
  kFatalUnlessDatabaseGone,  // fatal if the database's folder still exists
};

struct ClusterPath {
  FileRole role = FileRole::kOther;
  Exclusion exclusion = Exclusion::kNone;
  // Set for kRelation; not for temporary relations.
  std::optional<RelationFile> relation;
  WhenMissing when_missing = WhenMissing::kFine;

  bool IsExcluded() const { return exclusion != Exclusion::kNone; }
};

// Classifies a file. The unlogged rule needs the listing: see UnloggedRelations.
// `tablespace_version_directory`: of the running server, see TablespaceVersionDirectory().
ClusterPath ClassifyFile(std::string_view path, std::string_view tablespace_version_directory);

// Classifies a folder, or a symbolic link to one. Folders whose contents are left out (pg_wal,
// pg_replslot, ...) are themselves kept, empty; so are pg_wal/archive_status and pg_wal/summaries.
Exclusion ClassifyFolder(std::string_view path, std::string_view tablespace_version_directory);

// Unlogged relations are those that have an init fork; crash recovery resets them to it, so only
// that fork is backed up. Fed with a whole listing before it is asked; a relation whose init fork
// appears after the listing is merely copied in vain.
class UnloggedRelations {
 public:
  void Note(const RelationFile& file);
  // Whether the file is to be left out: any fork but init of a noted relation.
  bool Skips(const RelationFile& file) const;
  std::size_t size() const { return relations_.size(); }

 private:
  std::set<RelationId> relations_;
};

}  // namespace holdfast::pg
