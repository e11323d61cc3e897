#include "storage/directory_publish.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/error.h"

namespace holdfast::storage {

namespace {

bool IsRefusal(int error_number) {
  switch (error_number) {
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
    case EPERM:  // link(2) on a file system without hard links; seccomp filters
      return true;
    default:
      return false;
  }
}

[[noreturn]] void ThrowFailure(int error_number, const base::File& file, std::string_view name) {
  throw base::SystemError(error_number,
                          fmt::format("cannot name {} {}", file.path().native(), name));
}

// Whether `name` is the very file that is open as `file`.
bool IsSameFile(const base::File& folder, const std::string& name, const base::File& file) {
  struct stat named {};
  struct stat opened {};
  if (::fstat(file.fd(), &opened) != 0) ThrowFailure(errno, file, name);
  if (::fstatat(folder.fd(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    ThrowFailure(errno, file, name);
  }
  return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

// Empty when the file system refuses this way.
std::optional<PublishOutcome> ByRename(const PublishCalls& calls, const base::File& folder,
                                       const base::File& file, const std::string& temporary,
                                       const std::string& name) {
  const int error_number = calls.rename(folder.fd(), temporary, name);
  if (error_number == 0) return PublishOutcome::kPublished;
  if (error_number == EEXIST) return PublishOutcome::kNameTaken;
  if (error_number == ENOENT) return PublishOutcome::kTemporaryGone;
  if (IsRefusal(error_number)) return std::nullopt;
  ThrowFailure(error_number, file, name);
}

std::optional<PublishOutcome> ByLink(const PublishCalls& calls, const base::File& folder,
                                     const base::File& file, const std::string& temporary,
                                     const std::string& name) {
  const int error_number = calls.link(folder.fd(), temporary, name);
  // A server that has done it, and whose answer was lost, says EEXIST to the repeated request.
  const bool linked =
      error_number == 0 || (error_number == EEXIST && IsSameFile(folder, name, file));
  if (linked) {
    // When this fails, the second name is a leftover like that of a crashed put.
    ::unlinkat(folder.fd(), temporary.c_str(), 0);
    return PublishOutcome::kPublished;
  }
  if (error_number == EEXIST) return PublishOutcome::kNameTaken;
  if (error_number == ENOENT) return PublishOutcome::kTemporaryGone;
  if (IsRefusal(error_number)) return std::nullopt;
  ThrowFailure(error_number, file, name);
}

}  // namespace

PublishCalls SystemPublishCalls() {
  return {.rename =
              [](int folder, const std::string& from, const std::string& to) {
                const int result =
                    ::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE);
                return result == 0 ? 0 : errno;
              },
          .link =
              [](int folder, const std::string& from, const std::string& to) {
                const int result = ::linkat(folder, from.c_str(), folder, to.c_str(), 0);
                return result == 0 ? 0 : errno;
              }};
}

PublishOutcome Publish(const PublishCalls& calls, const base::File& folder, const base::File& file,
                       const std::string& temporary, const std::string& name) {
  if (const auto outcome = ByRename(calls, folder, file, temporary, name)) return *outcome;
  if (const auto outcome = ByLink(calls, folder, file, temporary, name)) return *outcome;
  throw base::Error(
      base::ErrorKind::kUsage,
      fmt::format("the file system of {} cannot create a file only if there is none",
                  folder.path().native()),
      {"it can neither rename without replacing nor make hard links: use another file system"});
}

}  // namespace holdfast::storage
