// From the outside world to a configuration.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "config/config.h"
#include "config/environment.h"

namespace holdfast::config {

struct LoadOptions {
  std::optional<base::Path> file;  // --config
  Environment environment;
  base::Path working_directory;
  bool superuser = false;
  // Where to look when nothing names a file; "holdfast.toml" in the working directory comes first.
  base::Path system_file = "/etc/holdfast/holdfast.toml";
};

// The file that will be read: --config, $HOLDFAST_CONFIG, ./holdfast.toml, /etc/holdfast/...; the
// first two must exist. Empty: none, which is fine.
std::optional<base::Path> FindFile(const LoadOptions& options);

// File, environment over it, defaults under it. Appends what is wrong to `problems`.
Config LoadWithProblems(const LoadOptions& options, std::vector<Problem>& problems);

// As above; Error(kUsage) when anything is wrong.
Config Load(const LoadOptions& options);

// A repository that no file knows yet: `given` are its settings, the environment adds others under
// its name. Error(kUsage) when anything is wrong.
Repository LoadRepository(const LoadOptions& options, const std::string& name,
                          const std::map<std::string, std::string>& given);

}  // namespace holdfast::config
