// Giving a finished temporary file its name, unless another file has that name.
#pragma once

#include <functional>
#include <string>

#include "base/file.h"

namespace holdfast::storage {

// The two system calls that never replace. Each returns 0 or an errno value; a test puts others in
// their place.
struct PublishCalls {
  // renameat2(2) with RENAME_NOREPLACE.
  std::function<int(int folder, const std::string& from, const std::string& to)> rename;
  // linkat(2).
  std::function<int(int folder, const std::string& from, const std::string& to)> link;
};
PublishCalls SystemPublishCalls();

enum class PublishOutcome {
  kPublished,
  kNameTaken,      // by whatever; the temporary file is still there
  kTemporaryGone,  // somebody removed the temporary file
};

// Renames; where the file system refuses that (NFS), links and unlinks. `file` is the open
// temporary file `temporary` in `folder`. Throws Error(kUsage) when the file system can do neither.
[[nodiscard]] PublishOutcome Publish(const PublishCalls& calls, const base::File& folder,
                                     const base::File& file, const std::string& temporary,
                                     const std::string& name);

}  // namespace holdfast::storage
