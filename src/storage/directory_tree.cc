#include "storage/directory_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace holdfast::storage {

namespace {

// The root itself may be a symbolic link.
constexpr int kRootFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// Calls `enter` for each segment of "a/b/" until it returns false.
void ForEachSegment(std::string_view folder, const std::function<bool(const std::string&)>& enter) {
  while (!folder.empty()) {
    const auto slash = folder.find('/');
    if (!enter(std::string(folder.substr(0, slash)))) return;
    folder.remove_prefix(slash + 1);
  }
}

[[noreturn]] void ThrowForeign(const base::Path& path, std::string_view what) {
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("{} is {}, which no backup put there", path.native(), what),
                    {"move it away; to spread a repository over disks, use a bind mount"});
}

EntryKind KindOf(const struct stat& status, const base::Path& path) {
  if (S_ISREG(status.st_mode)) return EntryKind::kObject;
  if (S_ISDIR(status.st_mode)) return EntryKind::kFolder;
  ThrowForeign(path, S_ISLNK(status.st_mode) ? "a symbolic link" : "a special file");
}

// The mount point that an unmounted disk leaves behind is empty.
bool HoldsAnything(const base::Path& folder) {
  std::error_code error;
  return !std::filesystem::is_empty(folder, error) && !error;
}

// False, and does nothing, when it exists already, or when the parent was removed.
bool CreateFolder(const base::File& parent, const std::string& segment, mode_t mode) {
  const base::Path path = parent.path() / segment;
  if (::mkdirat(parent.fd(), segment.c_str(), mode) != 0) {
    if (errno != EEXIST && errno != ENOENT) ThrowSystemError("create", path);
    return false;
  }
  // mkdir(2) applies the umask.
  struct stat status {};
  if (::fstatat(parent.fd(), segment.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) ThrowSystemError("look at", path);
    return false;
  }
  if ((status.st_mode & mode) == mode) return true;
  const mode_t wanted = (status.st_mode & 07777) | mode;
  if (::fchmodat(parent.fd(), segment.c_str(), wanted, 0) != 0 && errno != ENOENT) {
    ThrowSystemError("set the mode of", path);
  }
  return true;
}

}  // namespace

SplitName Split(std::string_view name) {
  const auto slash = name.rfind('/');
  const std::size_t folder_size = slash == std::string_view::npos ? 0 : slash + 1;
  return {.folder = name.substr(0, folder_size), .segment = name.substr(folder_size)};
}

void ThrowSystemError(std::string_view action, const base::Path& path) {
  const int error_number = errno;  // before anything below can change it
  throw base::SystemError(error_number, fmt::format("cannot {} {}", action, path.native()));
}

DirectoryTree::DirectoryTree(base::Path root) : root_(std::move(root)) {
  const int fd = ::open(root_.c_str(), kRootFlags);
  if (fd >= 0) {
    identity_ = IdentityOf(base::File(fd, root_));
    return;
  }
  if (errno == ENOTDIR) {
    throw base::Error(base::ErrorKind::kUsage,
                      fmt::format("{} is not a directory", root_.native()));
  }
  if (errno != ENOENT) ThrowSystemError("open", root_);
  throw base::Error(base::ErrorKind::kNotFound,
                    fmt::format("the directory {} does not exist", root_.native()),
                    {"is the disk mounted?", "init creates a new repository"});
}

DirectoryTree::Identity DirectoryTree::IdentityOf(const base::File& folder) {
  struct statx status {};
  if (::statx(folder.fd(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) {
    ThrowSystemError("look at", folder.path());
  }
  const bool has_birth = (status.stx_mask & STATX_BTIME) != 0;
  return {.device = std::uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor,
          .inode = status.stx_ino,
          .born_seconds = has_birth ? status.stx_btime.tv_sec : 0,
          .born_nanoseconds = has_birth ? status.stx_btime.tv_nsec : 0};
}

base::File DirectoryTree::OpenRoot() const {
  const int fd = ::open(root_.c_str(), kRootFlags);
  if (fd < 0 && errno != ENOENT && errno != ENOTDIR) ThrowSystemError("open", root_);
  base::File root(fd, root_);
  if (fd >= 0 && IdentityOf(root) == identity_) return root;
  if (fd >= 0 && HoldsAnything(root_)) {
    // No waiting brings the one back that was opened, and what this one lacks of it nobody knows.
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("another directory has taken the place of {} since it was opened",
                    root_.native()),
        {"was it moved or restored, or its disk mounted again? start again to use what is there "
         "now"});
  }
  throw base::Error(
      base::ErrorKind::kUnavailable,
      fmt::format("the directory {} is not there any more, or is another one", root_.native()),
      {"was the disk unmounted?"});
}

void DirectoryTree::CheckRoot() const { OpenRoot(); }

std::optional<std::vector<base::File>> DirectoryTree::Open(std::string_view folder) const {
  std::vector<base::File> folders;
  folders.push_back(OpenRoot());
  bool absent = false;
  ForEachSegment(folder, [&](const std::string& segment) {
    const base::File& parent = folders.back();
    const base::Path path = parent.path() / segment;
    const int fd = ::openat(parent.fd(), segment.c_str(), kFolderFlags);
    if (fd >= 0) {
      folders.emplace_back(fd, path);
      return true;
    }
    // ENOTDIR: an object, of which nothing can be inside, or something foreign, at which Look
    // throws.
    if (errno == ENOTDIR || errno == ELOOP) {
      Look(parent, segment);
    } else if (errno != ENOENT) {
      ThrowSystemError("open", path);
    }
    absent = true;
    return false;
  });
  if (!absent) return folders;
  CheckRoot();
  return std::nullopt;
}

std::optional<std::vector<base::File>> DirectoryTree::OpenOrCreate(std::string_view folder,
                                                                   mode_t mode) const {
  std::vector<base::File> folders;
  folders.push_back(OpenRoot());
  bool removed = false;
  ForEachSegment(folder, [&](const std::string& segment) {
    const base::File& parent = folders.back();
    const base::Path path = parent.path() / segment;
    int fd = ::openat(parent.fd(), segment.c_str(), kFolderFlags);
    bool created = false;
    if (fd < 0 && errno == ENOENT) {
      created = CreateFolder(parent, segment, mode);
      fd = ::openat(parent.fd(), segment.c_str(), kFolderFlags);
    }
    if (fd >= 0) {
      folders.emplace_back(fd, path);
      if (created) GiveToOwner(folders.front(), folders.back());
      return true;
    }
    if (errno == ENOTDIR || errno == ELOOP) {
      const auto entry = Look(parent, segment);
      if (entry && entry->kind == EntryKind::kObject) {
        throw base::Error(base::ErrorKind::kConflict,
                          fmt::format("{} is an object, not a folder", path.native()));
      }
    } else if (errno != ENOENT) {
      ThrowSystemError("open", path);
    }
    removed = true;
    return false;
  });
  if (removed) return std::nullopt;
  return folders;
}

std::optional<DirectoryTree::Entry> DirectoryTree::Look(const base::File& folder,
                                                        std::string_view segment) const {
  const base::Path path = folder.path() / segment;
  Entry entry{};
  if (::fstatat(folder.fd(), std::string(segment).c_str(), &entry.status, AT_SYMLINK_NOFOLLOW) !=
      0) {
    if (errno != ENOENT) ThrowSystemError("look at", path);
    CheckRoot();
    return std::nullopt;
  }
  entry.kind = KindOf(entry.status, path);
  return entry;
}

void GiveToOwner(const base::File& root, const base::File& created) {
  if (::geteuid() != 0) return;
  struct stat owner {};
  struct stat status {};
  if (::fstat(root.fd(), &owner) != 0) ThrowSystemError("look at", root.path());
  if (::fstat(created.fd(), &status) != 0) ThrowSystemError("look at", created.path());
  // Not root's: another's already, as where a server of a network mount gives it to nobody.
  if (status.st_uid != 0 || owner.st_uid == 0) return;
  if (::fchown(created.fd(), owner.st_uid, owner.st_gid) == 0) return;
  // A file system without owners.
  if (errno != EPERM && errno != EINVAL && errno != ENOTSUP) {
    ThrowSystemError("set the owner of", created.path());
  }
}

void SyncFolder(const base::File& folder) {
  // EINVAL: a file system without this operation keeps its entries durable by itself, or nothing
  // can.
  while (::fsync(folder.fd()) != 0) {
    if (errno == EINVAL) return;
    if (errno != EINTR) ThrowSystemError("fsync", folder.path());
  }
}

void SyncFolders(const std::vector<base::File>& folders) {
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) SyncFolder(*folder);
}

}  // namespace holdfast::storage
