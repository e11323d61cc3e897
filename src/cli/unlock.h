// What opens a repository, found in files and variables.
#pragma once

#include <optional>
#include <string>

#include "base/file.h"
#include "cli/invocation.h"
#include "config/config.h"
#include "repo/repository.h"

namespace holdfast::cli {

repo::KeyFile ReadKeyFile(const base::Path& path);
// The file's text without the white space around it; an empty one is Error(kUsage).
repo::Passphrase ReadPassphraseFile(const base::Path& path);

bool NamesKey(const config::Repository& repository);
// Error(kUsage) when the repository names no key, or the key cannot be read.
repo::Unlock UnlockOf(const config::Repository& repository, const config::Environment& environment);

struct NewKeyFile {
  repo::KeyFile key;
  bool created = false;  // false: a key file was there and is used
};
// Writes a new key file, durably and readable for its owner only, unless there is one already.
// Error(kConflict) when something else is there: it is never replaced.
NewKeyFile MakeKeyFile(const base::Path& path, std::string_view repository_url,
                       repo::KeyAccess access = repo::KeyAccess::kEverything);

// Writes a file that holds a secret, durably and readable for its owner only. What is there is
// never replaced: Error(kConflict).
void WriteNewSecret(const base::Path& path, std::string_view text);

}  // namespace holdfast::cli
