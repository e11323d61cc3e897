// Who restored files belong to.
#pragma once

#include <cstdint>
#include <optional>

#include "base/file.h"
#include "repo/tree.h"

namespace holdfast::restore {

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// Empty: whoever runs the restore, the only choice unless that is root. PostgreSQL refuses to run
// as root and refuses a data directory that is not its own, so root gives the files to the owner of
// the directory prepared for them, else to the owner in the backup (PG_VERSION's), else to the
// system's postgres user.
std::optional<Owner> ChooseOwner(const base::Path& directory,
                                 const std::optional<repo::TreeEntry>& pg_version);

// Whose the files of an archive are, which is unpacked who knows where: the owner's in the backup,
// else the system's postgres user, else the one who runs this.
Owner OwnerInArchive(const std::optional<repo::TreeEntry>& pg_version);

// Changes owner and mode. Error names the path.
void SetOwnerAndMode(const base::Path& path, const std::optional<Owner>& owner, std::uint32_t mode);

}  // namespace holdfast::restore
