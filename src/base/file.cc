#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "base/random.h"

namespace holdfast::base {

namespace {

[[noreturn]] void Fail(std::string_view action, const Path& path) {
  const int error_number = errno;  // before anything below can change it
  throw SystemError(error_number, fmt::format("cannot {} {}", action, path.native()));
}

// Runs a system call again while a signal interrupts it.
template <typename Call>
auto Retry(Call&& call) {
  while (true) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

File File::Open(const Path& path, int flags, mode_t mode) {
  const int fd = Retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) Fail("open", path);
  return {fd, path};
}

std::optional<File> File::OpenIfExists(const Path& path, int flags) {
  const int fd = Retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); });
  if (fd >= 0) return File(fd, path);
  if (errno == ENOENT) return std::nullopt;
  Fail("open", path);
}

std::uint64_t File::Size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) Fail("look at", path_);
  return static_cast<std::uint64_t>(status.st_size);
}

std::size_t File::ReadAt(std::uint64_t offset, MutableByteView out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = Retry([&] {
      return ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    });
    if (count < 0) Fail("read", path_);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

void File::WriteAt(std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = Retry(
        [&] { return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (count < 0) Fail("write", path_);
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void File::Append(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = Retry([&] { return ::write(fd_, bytes.data(), bytes.size()); });
    if (count < 0) Fail("write", path_);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void File::Truncate(std::uint64_t size) {
  if (Retry([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }) != 0) {
    Fail("set the size of", path_);
  }
}

void File::Sync() {
  if (Retry([&] { return ::fsync(fd_); }) != 0) Fail("fsync", path_);
}

void File::Close() {
  // POSIX leaves the descriptor's state open after EINTR; on Linux it is closed, so it is never
  // retried.
  const int result = ::close(std::exchange(fd_, -1));
  if (result != 0 && errno != EINTR) Fail("close", path_);
}

std::optional<Bytes> ReadFileIfExists(const Path& path) {
  const std::optional<File> file = File::OpenIfExists(path, O_RDONLY);
  if (!file) return std::nullopt;
  // Read until the end rather than trusting the size: it may change, and files in /proc report
  // none.
  Bytes contents;
  std::size_t done = 0;
  while (true) {
    const std::uint64_t size = file->Size();
    const std::uint64_t expected = size > done ? size - done + 1 : 0;
    const std::uint64_t wanted = done + std::max<std::uint64_t>(expected, 4 * kKiB);
    ReserveLarge(contents, wanted);
    contents.resize(wanted);
    done += file->ReadAt(done, MutableByteView(contents).subspan(done));
    if (done < contents.size()) break;
  }
  contents.resize(done);
  return contents;
}

Bytes ReadFile(const Path& path) {
  std::optional<Bytes> contents = ReadFileIfExists(path);
  if (!contents) {
    errno = ENOENT;
    Fail("open", path);
  }
  return std::move(*contents);
}

void SyncDirectory(const Path& directory) {
  const Path path = directory.empty() ? Path(".") : directory;
  const File handle = File::Open(path, O_RDONLY | O_DIRECTORY);
  // EINVAL: the file system has no such operation (some FUSE and network ones); it then keeps its
  // entries durable by itself, or nothing can.
  if (Retry([&] { return ::fsync(handle.fd()); }) != 0 && errno != EINVAL) Fail("fsync", path);
}

void WriteFileDurably(const Path& path, ByteView contents, mode_t mode) {
  const Path temporary =
      path.parent_path() / fmt::format(".{}.{}.tmp", path.filename().native(), RandomHex(8));
  try {
    File file = File::Open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (::fchmod(file.fd(), mode) != 0) Fail("set the mode of", temporary);
    file.Append(contents);
    file.Sync();
    file.Close();
    if (::rename(temporary.c_str(), path.c_str()) != 0) Fail("rename a file to", path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  SyncDirectory(path.parent_path());
}

void MakeDirectories(const Path& directory, mode_t mode) {
  std::error_code unknown;  // then mkdir(2) says what is wrong
  if (directory.empty() || std::filesystem::is_directory(directory, unknown)) return;
  MakeDirectories(directory.parent_path(), mode);
  if (::mkdir(directory.c_str(), mode) != 0 && errno != EEXIST) Fail("create", directory);
  if (!std::filesystem::is_directory(directory, unknown)) {
    errno = ENOTDIR;
    Fail("create", directory);
  }
  SyncDirectory(directory.parent_path());
}

bool Exists(const Path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  Fail("look at", path);
}

std::vector<std::string> NamesIn(const Path& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
  if (!stream) Fail("open", directory);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) Fail("list", directory);
  return names;
}

bool RemoveFile(const Path& path) {
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  Fail("remove", path);
}

std::uint64_t FreeBytes(const Path& path) {
  Path existing = std::filesystem::absolute(path);
  struct statvfs status {};
  while (::statvfs(existing.c_str(), &status) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOENT && existing != existing.parent_path()) {
      existing = existing.parent_path();
      continue;
    }
    Fail("look at the file system of", existing);
  }
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace holdfast::base
