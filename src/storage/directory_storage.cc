#include "storage/directory_storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "storage/directory_listing.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

// Longer than any put lasts; leftovers that old have lost their writer.
constexpr base::Duration kLeftoverAge = std::chrono::hours(24);

// Each retry means that somebody removed our folder in the moment between two system calls.
constexpr int kMaxPutAttempts = 100;

base::Path CreatedRoot(const base::Path& root, const DirectoryOptions& options) {
  if (!root.is_absolute()) {
    throw Error(ErrorKind::kUsage, fmt::format("{} is not an absolute path", root.native()));
  }
  if (options.create) {
    base::MakeDirectories(root, options.folder_mode);
    // MakeDirectories syncs what it creates; a root that exists may come from a crashed try.
    const base::Path parent = (root / "").parent_path().parent_path();
    try {
      base::SyncDirectory(parent);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kDenied) throw;  // then it was not us who created it
    }
  }
  return root;
}

// A file under a name that no object can have; removed again unless it is published.
class TemporaryFile {
 public:
  // Empty when the folder was removed.
  static std::optional<TemporaryFile> Create(const base::File& folder, mode_t mode) {
    std::string name = fmt::format("{}{}", kTemporaryPrefix, base::RandomHex(8));
    const base::Path path = folder.path() / name;
    const int fd = ::openat(folder.fd(), name.c_str(),
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 && errno == ENOENT) return std::nullopt;
    if (fd < 0) ThrowSystemError("create", path);
    TemporaryFile temporary(folder, base::File(fd, path), std::move(name));
    temporary.SetMode(mode);
    return temporary;
  }

  TemporaryFile(TemporaryFile&& other) noexcept
      : folder_(other.folder_), file_(std::move(other.file_)), name_(std::move(other.name_)) {
    other.name_.clear();
  }
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!name_.empty()) ::unlinkat(folder_->fd(), name_.c_str(), 0);
  }

  base::File& file() { return file_; }
  const std::string& name() const { return name_; }
  // It has its final name, or is gone.
  void Release() { name_.clear(); }

 private:
  TemporaryFile(const base::File& folder, base::File file, std::string name)
      : folder_(&folder), file_(std::move(file)), name_(std::move(name)) {}

  // open(2) applies the umask.
  void SetMode(mode_t mode) const {
    struct stat status {};
    if (::fstat(file_.fd(), &status) != 0) ThrowSystemError("look at", file_.path());
    if ((status.st_mode & mode) == mode) return;
    if (::fchmod(file_.fd(), mode) != 0) ThrowSystemError("set the mode of", file_.path());
  }

  const base::File* folder_;
  base::File file_;
  std::string name_;
};

void WriteDurably(base::File& file, base::ByteView contents) {
  file.Append(contents);
  if (const std::uint64_t size = file.Size(); size != contents.size()) {
    throw Error(ErrorKind::kUnavailable, fmt::format("{} has {} bytes after {} were written",
                                                     file.path().native(), size, contents.size()));
  }
  file.Sync();
}

// Reads what must be there: objects never change.
base::Bytes ReadExactly(const base::File& file, std::uint64_t offset, std::uint64_t length) {
  base::Bytes contents(length);
  if (file.ReadAt(offset, contents) != contents.size()) {
    throw Error(ErrorKind::kCorrupt,
                fmt::format("{} became shorter while it was read", file.path().native()));
  }
  return contents;
}

// `folders` as from DirectoryTree. Stops at the first folder that is not empty, or that may not be
// removed.
void RemoveEmptyFolders(const std::vector<base::File>& folders) {
  for (std::size_t depth = folders.size() - 1; depth > 0; --depth) {
    const base::File& parent = folders[depth - 1];
    const std::string segment = folders[depth].path().filename();
    // Never a folder with anything in it, and by name: a new folder of that name is also only
    // removed if it is empty.
    if (::unlinkat(parent.fd(), segment.c_str(), AT_REMOVEDIR) != 0) return;
  }
}

}  // namespace

DirectoryStorage::DirectoryStorage(const base::Path& root, DirectoryOptions options)
    : options_(std::move(options)), tree_(CreatedRoot(root, options_)) {}

PutOutcome DirectoryStorage::Put(std::string_view name, base::ByteView contents) {
  CheckName(name);
  for (int attempt = 0; attempt < kMaxPutAttempts; ++attempt) {
    if (const auto outcome = TryPut(name, contents)) return *outcome;
  }
  throw Error(ErrorKind::kUnavailable, fmt::format("the folder of {} is removed again and again",
                                                   tree_.PathOf(name).native()));
}

// Empty when the folder or the temporary file was removed meanwhile.
std::optional<PutOutcome> DirectoryStorage::TryPut(std::string_view name, base::ByteView contents) {
  const SplitName split = Split(name);
  const std::string_view segment = split.segment;  // clang 14: lambdas capture no bindings
  const auto folders = tree_.OpenOrCreate(split.folder, options_.folder_mode);
  if (!folders) return std::nullopt;
  const base::File& folder = folders->back();
  const auto existing = [&]() -> std::optional<PutOutcome> {
    const auto entry = tree_.Look(folder, segment);
    if (!entry) return std::nullopt;
    if (entry->kind == EntryKind::kFolder) {
      throw Error(ErrorKind::kConflict,
                  fmt::format("{} is a folder, not an object", tree_.PathOf(name).native()));
    }
    // Its writer may have crashed before it synced the folders; its contents were synced before it
    // got its name.
    SyncFolders(*folders);
    return PutOutcome::kAlreadyThere;
  };
  if (const auto outcome = existing()) return outcome;

  auto temporary = TemporaryFile::Create(folder, options_.file_mode);
  if (!temporary) return std::nullopt;
  GiveToOwner(folders->front(), temporary->file());
  WriteDurably(temporary->file(), contents);
  switch (Publish(options_.publish_calls, folder, temporary->file(), temporary->name(),
                  std::string(segment))) {
    case PublishOutcome::kPublished:
      temporary->Release();
      SyncFolders(*folders);
      return PutOutcome::kStored;
    case PublishOutcome::kNameTaken:
      return existing();
    case PublishOutcome::kTemporaryGone:
      break;
  }
  return std::nullopt;
}

std::optional<base::File> DirectoryStorage::OpenObject(std::string_view name) const {
  CheckName(name);
  const auto [folder_name, segment] = Split(name);
  const auto folders = tree_.Open(folder_name);
  if (!folders) return std::nullopt;
  const base::File& folder = folders->back();
  const auto entry = tree_.Look(folder, segment);
  if (!entry || entry->kind == EntryKind::kFolder) return std::nullopt;
  // O_NONBLOCK: should a pipe take the object's place this moment, opening it must not hang.
  const int fd = ::openat(folder.fd(), std::string(segment).c_str(),
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) return base::File(fd, tree_.PathOf(name));
  if (errno != ENOENT) ThrowSystemError("open", tree_.PathOf(name));
  tree_.CheckRoot();
  return std::nullopt;
}

std::optional<base::Bytes> DirectoryStorage::Get(std::string_view name) {
  return GetRange(name, 0, std::numeric_limits<std::uint64_t>::max());
}

std::optional<base::Bytes> DirectoryStorage::GetRange(std::string_view name, std::uint64_t offset,
                                                      std::uint64_t length) {
  const auto file = OpenObject(name);
  if (!file) return std::nullopt;
  const std::uint64_t size = file->Size();
  const std::uint64_t begin = std::min(offset, size);
  return ReadExactly(*file, begin, std::min(length, size - begin));
}

std::optional<ObjectInfo> DirectoryStorage::Stat(std::string_view name) {
  CheckName(name);
  const auto [folder_name, segment] = Split(name);
  const auto folders = tree_.Open(folder_name);
  if (!folders) return std::nullopt;
  const auto entry = tree_.Look(folders->back(), segment);
  if (!entry || entry->kind == EntryKind::kFolder) return std::nullopt;
  return ObjectInfo{.name = std::string(name),
                    .size = static_cast<std::uint64_t>(entry->status.st_size),
                    .modified = ModifiedTime(entry->status)};
}

void DirectoryStorage::List(std::string_view prefix, std::string_view after,
                            const std::function<void(const ObjectInfo&)>& visit) {
  ListDirectory(tree_, prefix, after, visit);
}

RemoveOutcome DirectoryStorage::Remove(std::string_view name) {
  CheckName(name);
  const auto [folder_name, segment] = Split(name);
  const auto folders = tree_.Open(folder_name);
  if (!folders) return RemoveOutcome::kWasAbsent;
  const base::File& folder = folders->back();
  const auto entry = tree_.Look(folder, segment);
  if (entry && entry->kind == EntryKind::kFolder) return RemoveOutcome::kWasAbsent;
  bool removed = false;
  if (entry) {
    removed = ::unlinkat(folder.fd(), std::string(segment).c_str(), 0) == 0;
    if (!removed && errno != ENOENT) ThrowSystemError("remove", tree_.PathOf(name));
  }
  // Also when it was absent: whoever removed it may have crashed before this.
  SyncFolder(folder);
  RemoveEmptyFolders(*folders);
  return removed ? RemoveOutcome::kRemoved : RemoveOutcome::kWasAbsent;
}

std::uint64_t DirectoryStorage::RemoveLeftovers() {
  const base::Time now = StoreTime();
  std::uint64_t count = 0;
  ListTemporaries(tree_, [&](const base::File& folder, const std::string& name) {
    struct stat status {};
    if (::fstatat(folder.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;
      ThrowSystemError("look at", folder.path() / name);
    }
    // Should its writer live nevertheless, stopped for a day, its put finds the file gone and
    // begins again.
    if (!S_ISREG(status.st_mode) || now - ModifiedTime(status) < kLeftoverAge) return;
    if (::unlinkat(folder.fd(), name.c_str(), 0) == 0) ++count;
  });
  return count;
}

base::Time DirectoryStorage::StoreTime() {
  const auto folders = tree_.Open("");
  auto temporary = TemporaryFile::Create(folders->back(), options_.file_mode);
  if (!temporary) tree_.CheckRoot();
  if (!temporary) throw Error(ErrorKind::kUnavailable, "the store's root was removed");
  struct stat status {};
  if (::fstat(temporary->file().fd(), &status) != 0) ThrowSystemError("look at", tree_.root());
  return ModifiedTime(status);
}

StorageTraits DirectoryStorage::traits() const {
  return {.atomic_put_if_absent = true,
          .description = fmt::format("directory {}", tree_.root().native())};
}

}  // namespace holdfast::storage
