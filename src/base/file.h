// POSIX files done durably. Every failure is an Error that names the path.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace holdfast::base {

using Path = std::filesystem::path;

// Owns a file descriptor.
class File {
 public:
  File() = default;
  File(int fd, Path path) : fd_(fd), path_(std::move(path)) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  File& operator=(File&& other) noexcept;
  ~File();

  // Flags as open(2); O_CLOEXEC is added.
  static File Open(const Path& path, int flags, mode_t mode = 0600);
  // Empty when the file does not exist.
  static std::optional<File> OpenIfExists(const Path& path, int flags);

  int fd() const { return fd_; }
  const Path& path() const { return path_; }
  bool is_open() const { return fd_ >= 0; }

  std::uint64_t Size() const;
  // Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
  std::size_t ReadAt(std::uint64_t offset, MutableByteView out) const;
  void WriteAt(std::uint64_t offset, ByteView bytes);
  void Append(ByteView bytes);
  void Truncate(std::uint64_t size);
  void Sync();
  // close(2) with its error checked; the destructor ignores it.
  void Close();

 private:
  int fd_ = -1;
  Path path_;
};

Bytes ReadFile(const Path& path);
std::optional<Bytes> ReadFileIfExists(const Path& path);

void SyncDirectory(const Path& directory);

// Temporary file in the same folder, write, fsync, rename over `path`, fsync of the folder. The
// file gets `mode` whatever the umask is.
void WriteFileDurably(const Path& path, ByteView contents, mode_t mode = 0600);

// Creates the folders that are missing, each durably (its parent fsynced).
void MakeDirectories(const Path& directory, mode_t mode = 0700);

// False only when it is certainly not there; follows symbolic links.
bool Exists(const Path& path);

// The names in a directory, without "." and "..", in no order.
std::vector<std::string> NamesIn(const Path& directory);

// False when there was none.
bool RemoveFile(const Path& path);

// Bytes that an unprivileged writer can still use on the file system of `path` (or its nearest
// existing ancestor).
std::uint64_t FreeBytes(const Path& path);

}  // namespace holdfast::base
