#include "restore/owner.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace holdfast::restore {

namespace {

std::optional<Owner> OwnerOf(const std::optional<repo::TreeEntry>& pg_version) {
  if (pg_version && pg_version->uid != 0)
    return Owner{.uid = pg_version->uid, .gid = pg_version->gid};
  if (const passwd* user = ::getpwnam("postgres"))
    return Owner{.uid = user->pw_uid, .gid = user->pw_gid};
  return std::nullopt;
}

}  // namespace

std::optional<Owner> ChooseOwner(const base::Path& directory,
                                 const std::optional<repo::TreeEntry>& pg_version) {
  if (::geteuid() != 0) return std::nullopt;
  struct stat status {};
  if (::stat(directory.c_str(), &status) == 0 && status.st_uid != 0)
    return Owner{.uid = status.st_uid, .gid = status.st_gid};
  return OwnerOf(pg_version);
}

Owner OwnerInArchive(const std::optional<repo::TreeEntry>& pg_version) {
  return OwnerOf(pg_version).value_or(Owner{.uid = ::geteuid(), .gid = ::getegid()});
}

void SetOwnerAndMode(const base::Path& path, const std::optional<Owner>& owner,
                     std::uint32_t mode) {
  if (owner && ::chown(path.c_str(), owner->uid, owner->gid) != 0) {
    throw base::SystemError(errno, fmt::format("cannot give {} to its owner", path.native()));
  }
  if (::chmod(path.c_str(), mode) != 0) {
    throw base::SystemError(errno, fmt::format("cannot set the mode of {}", path.native()));
  }
}

}  // namespace holdfast::restore
