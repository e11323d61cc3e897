// The settings that make PostgreSQL recover to a target: postgresql.auto.conf.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pg/lsn.h"
#include "pg/version.h"
#include "restore/reach.h"
#include "restore/target.h"

namespace holdfast::restore {

struct RecoverySettings {
  TargetOptions target;
  pg::TimelineId timeline;  // always explicit: a server's default follows branches nobody asked for
  // A gap of the WAL in front of which recovery stops. Servers read ahead: what they ask for behind
  // it must not end a recovery that has its target in front of it.
  std::optional<GapAhead> gap{};
  std::string fetch_command;  // without %f and %p
  pg::MajorVersion version;   // a server does not start with a setting that it does not know
  bool replaces_source = false;
  // Without its setting recovery ends in a panic at the first directory in pg_tblspc.
  bool in_place_tablespaces = false;
  std::map<std::string, std::string> overrides{};  // more settings, with their values
};

// `existing` (the source's postgresql.auto.conf) without what would interfere with this recovery
// (targets, restore commands, archive settings, an earlier restore's), then ours. The server reads
// this file last: a setting that is empty here is unset, whatever postgresql.conf says. Applying it
// to its own result gives the same text.
std::string AutoConf(std::string_view existing, const RecoverySettings& settings);

// The same for an exported copy, which recovers without any of that: the settings that keep it from
// disturbing others, and `added`. Without what named places of the source (kPlaces).
std::string ExportedAutoConf(std::string_view existing,
                             const std::map<std::string, std::string>& added);

// Without its setting recovery ends in a panic at the first directory in pg_tblspc.
inline constexpr std::string_view kInPlaceSetting = "allow_in_place_tablespaces";

// The lower-case name of the setting that a line of a configuration file gives; empty for none.
std::string SettingNameIn(std::string_view line);

// A value for a PostgreSQL configuration file: in single quotes, escaped as it wants.
std::string QuoteSetting(std::string_view value);

}  // namespace holdfast::restore
