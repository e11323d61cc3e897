// The settings that make PostgreSQL recover to a target: postgresql.auto.conf.
#pragma once

#include <string>
#include <string_view>

#include "pg/lsn.h"
#include "restore/target.h"

namespace holdfast::restore {

struct RecoverySettings {
  TargetOptions target;
  pg::TimelineId timeline;  // always explicit: a server's default follows branches nobody asked for
  std::string fetch_command;  // without %f and %p
  bool keep_archiving = false;
  // Without its setting recovery ends in a panic at the first directory in pg_tblspc.
  bool in_place_tablespaces = false;
};

// `existing` (the source's postgresql.auto.conf) without what would interfere with this recovery
// (targets, restore commands, archive settings, an earlier restore's), then ours. Applying it to
// its own result gives the same text.
std::string AutoConf(std::string_view existing, const RecoverySettings& settings);

// A value for a PostgreSQL configuration file: in single quotes, quotes and backslashes doubled.
std::string QuoteSetting(std::string_view value);

}  // namespace holdfast::restore
