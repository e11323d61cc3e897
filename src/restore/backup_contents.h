// What a backup holds: looked at before anything is written.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "repo/repository.h"
#include "repo/tree.h"
#include "restore/config_places.h"
#include "restore/restore.h"

namespace holdfast::restore {

// Every pack of the backup is there; how many they are. Error(kCorrupt) naming one that is not.
std::uint64_t CheckPacks(const repo::Repository& repository, const repo::BackupId& id);

// By path: files where the server's configuration may lie.
using ConfigEntries = std::map<std::string, repo::TreeEntry>;
using DecideConfig = std::function<ConfigPlaces(repo::FrameReader&, const ConfigEntries&)>;

// Counts files and bytes into the plan and has its configuration decided. Returns how many bytes
// go into each directory of the plan.
std::map<base::Path, std::uint64_t> ReadTree(const repo::Repository& repository,
                                             const DecideConfig& decide, RestorePlan& plan);

// The settings in force in a directory that holds these files.
std::map<std::string, std::string> SettingsOf(repo::FrameReader& frames,
                                              const ConfigEntries& entries);

// What the backup itself knows to be worth a warning, and what its configuration is.
void AddWarnings(RestorePlan& plan);

}  // namespace holdfast::restore
