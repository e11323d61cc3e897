// Settings of a restored postgresql.conf that name places of the source.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"

namespace holdfast::restore {

struct ConfigPlaces {
  // The data directory that postgresql.conf names, where it is another one: a server started on the
  // restored directory would run on that. Empty: none.
  std::string other_data_directory;
  // Files, by their paths, that are not restored as they were.
  std::set<std::string> changed;
  // To be set in postgresql.auto.conf.
  std::map<std::string, std::string> overrides;
  std::vector<std::string> warnings;
};

struct ConfigOfBackup {
  std::map<std::string, std::string> settings;  // as SettingsInForce gives them
  // Those that the backup knows to have lain outside the source's data directory.
  std::vector<std::string> outside_files;
  std::function<bool(const std::string& path)> has;  // whether the backup holds a file
};

// For a restore to `to`, a normal absolute path. A copy of the source keeps off the places of a
// server that may still run; what replaces it takes them.
ConfigPlaces PlacesIn(const ConfigOfBackup& config, const base::Path& to, bool replaces_source);

}  // namespace holdfast::restore
