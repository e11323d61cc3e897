// What a backup holds: looked at before anything is written.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "repo/repository.h"
#include "repo/tree.h"
#include "restore/config_places.h"
#include "restore/other_copies.h"
#include "restore/restore.h"

namespace holdfast::restore {

// Every pack of the backup is there, or what it held lies in another copy, which is a warning of
// the plan. One that is marked as damaged is sound enough when what the backup needs of it can be
// read. Counts them into the plan. Error(kCorrupt) naming the files that are lost.
void CheckPacks(const repo::Repository& repository, RestorePlan& plan);

// By path: files where the server's configuration may lie.
using ConfigEntries = std::map<std::string, repo::TreeEntry>;
using DecideConfig = std::function<ConfigPlaces(PieceReader&, const ConfigEntries&)>;

// Counts files and bytes into the plan and has its configuration decided. Returns how many bytes
// go into each directory of the plan.
std::map<base::Path, std::uint64_t> ReadTree(const repo::Repository& repository,
                                             const DecideConfig& decide, RestorePlan& plan);

// The settings in force in a directory that holds these files.
std::map<std::string, std::string> SettingsOf(PieceReader& pieces, const ConfigEntries& entries);

// What the backup itself knows to be worth a warning, and what its configuration is.
void AddWarnings(RestorePlan& plan);

}  // namespace holdfast::restore
