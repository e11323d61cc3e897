// The two text files that pg_backup_stop returns and a restored cluster starts from, and the backup
// history file that the server archives.
//
// Source: src/backend/access/transam/xlogbackup.c, xlogrecovery.c (read_backup_label,
// read_tablespace_map), and in 13 and 14 xlog.c.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/lsn.h"
#include "pg/version.h"

namespace holdfast::pg {

enum class BackupOrigin { kPrimary, kStandby };

// Only in a backup history file ("....backup").
struct BackupEnd {
  Lsn lsn;
  std::string segment_name;
  TimelineId timeline;
  std::string time;
};

struct BackupLabel {
  Lsn start;
  std::string start_segment_name;
  Lsn checkpoint;
  TimelineId timeline;
  BackupOrigin origin = BackupOrigin::kPrimary;
  std::string start_time;  // in the server's log_timezone, with its name: for people only
  std::string label;
  // Set when the label belongs to one of PostgreSQL's own incremental backups (17 and newer); such
  // a directory cannot be started before pg_combinebackup.
  std::optional<Lsn> incremental_from;
  std::optional<BackupEnd> end;
};

// Reads a backup_label or a backup history file. Lines with unknown names are ignored. Throws
// Error(kCorrupt) when one that is needed is missing, there twice, or unreadable, and when the text
// ends inside a line.
BackupLabel ParseBackupLabel(std::string_view text);

struct TablespaceLink {
  Oid tablespace = 0;
  std::string target;
  friend bool operator==(const TablespaceLink&, const TablespaceLink&) = default;
};

// tablespace_map: "<oid> <target>" a line. Line ends in a target are escaped with a backslash, and
// so are backslashes from 14 on. Throws Error(kCorrupt).
std::vector<TablespaceLink> ParseTablespaceMap(std::string_view text, MajorVersion version);
std::string FormatTablespaceMap(const std::vector<TablespaceLink>& links, MajorVersion version);

}  // namespace holdfast::pg
