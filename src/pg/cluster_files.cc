#include "pg/cluster_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/error.h"
#include "pg/digits.h"

namespace holdfast::pg {

namespace {

using Parts = std::vector<std::string_view>;

constexpr std::array<std::string_view, 4> kForkNames = {"main", "fsm", "vm", "init"};

Parts SplitPath(std::string_view path) {
  Parts parts;
  for (;;) {
    const auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

std::optional<Fork> ForkFromSuffix(std::string_view name) {
  // The main fork has no suffix, so "_main" is no name the server makes.
  for (std::size_t i = 1; i < kForkNames.size(); ++i) {
    if (name == kForkNames[i]) return static_cast<Fork>(i);
  }
  return std::nullopt;
}

struct RelationName {
  Oid number = 0;
  Fork fork = Fork::kMain;
  std::uint32_t segment = 0;
};

// NUMBER[_FORK][.SEGMENT]
std::optional<RelationName> ParseRelationName(std::string_view name) {
  RelationName result;
  if (const auto dot = name.find('.'); dot != std::string_view::npos) {
    const auto segment = ParseNameNumber<std::uint32_t>(name.substr(dot + 1));
    if (!segment) return std::nullopt;
    result.segment = *segment;
    name = name.substr(0, dot);
  }
  if (const auto underscore = name.find('_'); underscore != std::string_view::npos) {
    const auto fork = ForkFromSuffix(name.substr(underscore + 1));
    if (!fork) return std::nullopt;
    result.fork = *fork;
    name = name.substr(0, underscore);
  }
  const auto number = ParseNameNumber<Oid>(name);
  if (!number) return std::nullopt;
  result.number = *number;
  return result;
}

// tBACKEND_NUMBER[_FORK][.SEGMENT]; a backend can be number 0.
bool IsTemporaryRelationName(std::string_view name) {
  const auto underscore = name.find('_');
  return name.starts_with('t') && underscore != std::string_view::npos &&
         ParseDigits<std::uint32_t>(name.substr(1, underscore - 1)).has_value() &&
         ParseRelationName(name.substr(underscore + 1)).has_value();
}

// The folder of relations that a path's last part lies in.
struct RelationFolder {
  Oid tablespace = 0;
  Oid database = 0;
  bool IsDatabase() const { return database != 0; }
};

std::optional<RelationFolder> FolderInTablespace(const Parts& parts, std::string_view version) {
  const auto tablespace = ParseNameNumber<Oid>(parts[1]);
  const auto database = ParseNameNumber<Oid>(parts[3]);
  if (!tablespace || !database || parts[2] != version) return std::nullopt;
  return RelationFolder{*tablespace, *database};
}

std::optional<RelationFolder> FolderOf(const Parts& parts, std::string_view version) {
  if (parts.size() == 2 && parts[0] == "global") return RelationFolder{kGlobalTablespace, 0};
  if (parts.size() == 3 && parts[0] == "base") {
    const auto database = ParseNameNumber<Oid>(parts[1]);
    if (database) return RelationFolder{kDefaultTablespace, *database};
  }
  if (parts.size() == 5 && parts[0] == "pg_tblspc") return FolderInTablespace(parts, version);
  return std::nullopt;
}

// Left out wherever they are: the server itself matches these without their folder.
Exclusion ExclusionByName(std::string_view name) {
  if (name.starts_with("pgsql_tmp")) return Exclusion::kTemporaryFile;
  if (name.starts_with("pg_internal.init")) return Exclusion::kRebuiltAtStart;
  if (name == ".DS_Store") return Exclusion::kNotTheServersOwn;
  constexpr std::array<std::string_view, 4> kServerState = {
      "postmaster.pid", "postmaster.opts", "postgresql.auto.conf.tmp", "current_logfiles.tmp"};
  if (std::ranges::count(kServerState, name) != 0) return Exclusion::kServerState;
  constexpr std::array<std::string_view, 3> kBackupState = {"backup_label", "tablespace_map",
                                                            "backup_manifest"};
  if (std::ranges::count(kBackupState, name) != 0) return Exclusion::kBackupState;
  return Exclusion::kNone;
}

// Left out only at the top of the data directory.
Exclusion ExclusionAtTop(std::string_view name) {
  if (name == "recovery.signal" || name == "standby.signal") return Exclusion::kRecoverySignal;
  if (name == "backup_label.old" || name == "tablespace_map.old") return Exclusion::kBackupState;
  return Exclusion::kNone;
}

// What a restore keeps beside the control file while it is unfinished. One that was killed just
// after the control file came may have left it there for good, and a restore must find the names of
// its own free.
bool IsOfARestore(std::string_view path) {
  return path == "global/pg_control.holdfast" || path == "global/pg_control.new";
}

Exclusion ExclusionInside(std::string_view folder) {
  if (folder == "pg_wal") return Exclusion::kWal;
  if (folder == "pg_replslot") return Exclusion::kReplicationSlot;
  constexpr std::array<std::string_view, 6> kEmptied = {
      "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"};
  if (std::ranges::count(kEmptied, folder) != 0) return Exclusion::kEmptiedAtStart;
  return Exclusion::kNone;
}

Exclusion ExclusionInTablespace(const Parts& parts, std::string_view version) {
  const bool inside = parts.size() > 2 && parts[0] == "pg_tblspc";
  return inside && parts[2] != version ? Exclusion::kOtherMajorVersion : Exclusion::kNone;
}

// Rules common to files and folders.
Exclusion ExclusionOf(const Parts& parts, std::string_view version) {
  for (const std::string_view part : parts) {
    if (const auto found = ExclusionByName(part); found != Exclusion::kNone) return found;
  }
  if (parts.size() > 1) {
    if (const auto found = ExclusionInside(parts[0]); found != Exclusion::kNone) return found;
  }
  return ExclusionInTablespace(parts, version);
}

WhenMissing WhenMissingOf(const Parts& parts, const std::optional<RelationFolder>& folder) {
  const std::string_view name = parts.back();
  const bool vital = name == "PG_VERSION" || name == "pg_filenode.map" || name == "pg_control";
  if (!vital) return WhenMissing::kFine;
  if (folder && folder->IsDatabase()) return WhenMissing::kFatalUnlessDatabaseGone;
  return folder || parts.size() == 1 ? WhenMissing::kFatal : WhenMissing::kFine;
}

void ClassifyRelation(std::string_view name, const RelationFolder& folder, ClusterPath& path) {
  if (const auto parsed = ParseRelationName(name)) {
    path.role = FileRole::kRelation;
    path.relation = RelationFile{.relation = {folder.tablespace, folder.database, parsed->number},
                                 .fork = parsed->fork,
                                 .segment = parsed->segment};
  } else if (folder.IsDatabase() && IsTemporaryRelationName(name)) {
    path.exclusion = Exclusion::kTemporaryRelation;
  }
}

}  // namespace

std::string_view ForkName(Fork fork) { return kForkNames[static_cast<std::size_t>(fork)]; }

BlockNumber FirstBlock(const RelationFile& file, std::uint32_t blocks_per_segment) {
  const std::uint64_t block = std::uint64_t{file.segment} * blocks_per_segment;
  if (block > std::numeric_limits<BlockNumber>::max()) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("relation {} has a segment {}, beyond the largest possible size",
                                  file.relation.number, file.segment));
  }
  return static_cast<BlockNumber>(block);
}

std::string RelationPath(const RelationFile& file, std::string_view tablespace_version_directory) {
  const RelationId& id = file.relation;
  std::string path;
  if (id.tablespace == kGlobalTablespace) {
    path = "global";
  } else if (id.tablespace == kDefaultTablespace) {
    path = fmt::format("base/{}", id.database);
  } else {
    path =
        fmt::format("pg_tblspc/{}/{}/{}", id.tablespace, tablespace_version_directory, id.database);
  }
  path += fmt::format("/{}", id.number);
  if (file.fork != Fork::kMain) path += fmt::format("_{}", ForkName(file.fork));
  if (file.segment != 0) path += fmt::format(".{}", file.segment);
  return path;
}

std::string_view ExclusionName(Exclusion exclusion) {
  switch (exclusion) {
    case Exclusion::kNone:
      return "not excluded";
    case Exclusion::kTemporaryFile:
      return "temporary file";
    case Exclusion::kTemporaryRelation:
      return "temporary relation";
    case Exclusion::kEmptiedAtStart:
      return "emptied at server start";
    case Exclusion::kReplicationSlot:
      return "replication slot";
    case Exclusion::kWal:
      return "WAL";
    case Exclusion::kRebuiltAtStart:
      return "rebuilt at server start";
    case Exclusion::kServerState:
      return "state of the running server";
    case Exclusion::kBackupState:
      return "state of another backup or restore";
    case Exclusion::kRecoverySignal:
      return "recovery signal";
    case Exclusion::kOtherMajorVersion:
      return "another major version's tablespace folder";
    case Exclusion::kNotTheServersOwn:
      return "not the server's own";
  }
  throw base::Error(base::ErrorKind::kInternal, "an exclusion without a name");
}

ClusterPath ClassifyFile(std::string_view path, std::string_view tablespace_version_directory) {
  const Parts parts = SplitPath(path);
  const std::string_view name = parts.back();
  ClusterPath result;
  result.exclusion = ExclusionOf(parts, tablespace_version_directory);
  if (parts.size() == 1 && !result.IsExcluded()) result.exclusion = ExclusionAtTop(name);
  if (IsOfARestore(path)) result.exclusion = Exclusion::kBackupState;
  if (result.IsExcluded()) return result;

  const auto folder = FolderOf(parts, tablespace_version_directory);
  result.when_missing = WhenMissingOf(parts, folder);
  if (path == "global/pg_control") {
    result.role = FileRole::kControl;
  } else if (folder) {
    ClassifyRelation(name, *folder, result);
  }
  return result;
}

Exclusion ClassifyFolder(std::string_view path, std::string_view tablespace_version_directory) {
  if (path == "pg_wal/archive_status" || path == "pg_wal/summaries") return Exclusion::kNone;
  return ExclusionOf(SplitPath(path), tablespace_version_directory);
}

void UnloggedRelations::Note(const RelationFile& file) {
  if (file.fork == Fork::kInit) relations_.insert(file.relation);
}

bool UnloggedRelations::Skips(const RelationFile& file) const {
  return file.fork != Fork::kInit && relations_.contains(file.relation);
}

}  // namespace holdfast::pg
