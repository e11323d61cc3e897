#include "pg/open_beneath.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "base/error.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;

base::Error OpenError(int error_number, const base::Path& path) {
  base::Error error = base::SystemError(error_number, fmt::format("cannot open {}", path.native()));
  if (error.kind() == ErrorKind::kDenied) {
    error.AddHint("run as root or as the user that the server runs as");
  }
  return error;
}

bool LinkExists(const base::File& folder, const std::string& name) {
  struct stat status {};
  if (::fstatat(folder.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  throw OpenError(errno, folder.path() / name);
}

std::optional<base::File> OpenFolderOnTheWay(const base::File& folder, std::string_view name,
                                             bool is_tablespace) {
  if (is_tablespace) return OpenTablespace(folder, name);
  return OpenChild(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

void RequireRegular(const base::File& file) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) throw OpenError(errno, file.path());
  if (!S_ISREG(status.st_mode)) {
    throw base::Error(ErrorKind::kConflict,
                      fmt::format("{} is not a regular file", file.path().native()));
  }
}

}  // namespace

std::optional<base::File> OpenChild(const base::File& folder, std::string_view name, int flags) {
  const std::string text(name);
  if (text.empty() || text == "." || text == ".." || text.find('/') != std::string::npos) {
    throw base::Error(ErrorKind::kInternal, fmt::format("{} is no plain file name", text));
  }
  while (true) {
    const int fd = ::openat(folder.fd(), text.c_str(), flags | O_CLOEXEC);
    if (fd >= 0) return base::File(fd, folder.path() / text);
    if (errno == ENOENT) return std::nullopt;
    if (errno != EINTR) throw OpenError(errno, folder.path() / text);
  }
}

std::optional<base::File> OpenTablespace(const base::File& pg_tblspc, std::string_view oid) {
  std::optional<base::File> folder = OpenChild(pg_tblspc, oid, O_RDONLY | O_DIRECTORY);
  if (folder || !LinkExists(pg_tblspc, std::string(oid))) return folder;
  throw base::Error(ErrorKind::kUnavailable,
                    fmt::format("{} leads nowhere", (pg_tblspc.path() / oid).native()),
                    {"mount the tablespace's folder here under the same path, or leave "
                     "data_directory out: then files are read through the connection"});
}

std::optional<base::File> OpenBeneath(const base::File& root, std::string_view path) {
  const base::File* folder = &root;
  base::File holder;
  for (int depth = 0;; ++depth) {
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos) break;
    const bool is_tablespace = depth == 1 && folder->path() == root.path() / "pg_tblspc";
    auto next = OpenFolderOnTheWay(*folder, path.substr(0, slash), is_tablespace);
    if (!next) return std::nullopt;
    holder = std::move(*next);
    folder = &holder;
    path.remove_prefix(slash + 1);
  }
  // Not to wait for a writer, should it be a pipe.
  auto file = OpenChild(*folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file) RequireRegular(*file);
  return file;
}

}  // namespace holdfast::pg
