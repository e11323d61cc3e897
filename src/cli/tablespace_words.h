// What --tablespace OLD=NEW says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/command.h"

namespace holdfast::cli {

void AddTablespaceOption(CLI::App& app, std::vector<std::string>& words);

// NEW below `here` where it is relative. Error(kUsage) for what is not OLD=NEW.
std::map<std::string, base::Path> TablespacesIn(const std::vector<std::string>& words,
                                                const base::Path& here);

}  // namespace holdfast::cli
