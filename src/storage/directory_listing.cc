#include "storage/directory_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace holdfast::storage {

namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Calls `visit(name, type)` for each entry but "." and "..", in the file system's order.
void ForEachEntry(const base::File& folder, const std::function<void(const dirent&)>& visit) {
  // readdir(3) owns its descriptor, and the position in the folder belongs to the open file.
  const int fd = ::openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return;  // removed meanwhile, so it was empty
    ThrowSystemError("open", folder.path());
  }
  const std::unique_ptr<DIR, DirectoryCloser> directory(::fdopendir(fd));
  if (!directory) {
    const int error_number = errno;
    ::close(fd);
    errno = error_number;
    ThrowSystemError("list", folder.path());
  }
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0 && errno != ENOENT) ThrowSystemError("list", folder.path());
      return;
    }
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") visit(*entry);
  }
}

// Whether names that start with `folder` can start with `prefix` and come after `after`.
bool CanMatch(std::string_view folder, std::string_view prefix, std::string_view after) {
  const bool prefix_fits = folder.starts_with(prefix) || prefix.starts_with(folder);
  return prefix_fits && (folder > after || after.starts_with(folder));
}

class Lister {
 public:
  Lister(const DirectoryTree& tree, std::string_view prefix, std::string_view after,
         const std::function<void(const ObjectInfo&)>& visit)
      : tree_(tree), prefix_(prefix), after_(after), visit_(visit) {}

  // `path` is "" or "a/b/".
  void Walk(const base::File& folder, const std::string& path) {
    for (const std::string& key : SortedKeys(folder, path)) {
      if (key.ends_with('/')) {
        Descend(folder, key.substr(0, key.size() - 1), path + key);
      } else {
        Visit(folder, key, path + key);
      }
    }
  }

 private:
  // Entries that can match; folders with a '/' at the end.
  std::vector<std::string> SortedKeys(const base::File& folder, const std::string& path) {
    std::vector<std::string> keys;
    ForEachEntry(folder, [&](const dirent& entry) {
      std::string key = static_cast<const char*>(entry.d_name);
      // Anything else cannot be part of an object's name: temporary files, "lost+found".
      if (!IsSegment(key)) return;
      const std::optional<EntryKind> kind = Kind(folder, entry);
      if (!kind) return;
      if (kind == EntryKind::kFolder) key += '/';
      const std::string full = path + key;
      const bool matches = kind == EntryKind::kFolder ? CanMatch(full, prefix_, after_)
                                                      : full.starts_with(prefix_) && full > after_;
      if (matches) keys.push_back(std::move(key));
    });
    std::ranges::sort(keys);
    // Some network file systems repeat an entry when the folder changes.
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
  }

  // Asks the file system only where readdir(3) does not say, or for what must be refused.
  std::optional<EntryKind> Kind(const base::File& folder, const dirent& entry) {
    if (entry.d_type == DT_REG) return EntryKind::kObject;
    if (entry.d_type == DT_DIR) return EntryKind::kFolder;
    const auto found = tree_.Look(folder, static_cast<const char*>(entry.d_name));
    if (!found) return std::nullopt;
    return found->kind;
  }

  void Descend(const base::File& parent, const std::string& segment, const std::string& path) {
    const int fd =
        ::openat(parent.fd(), segment.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
      if (errno == ENOENT) return;  // removed meanwhile; ListDirectory looks at the root at its end
      ThrowSystemError("open", parent.path() / segment);
    }
    Walk(base::File(fd, parent.path() / segment), path);
  }

  void Visit(const base::File& folder, const std::string& segment, std::string name) {
    const auto entry = tree_.Look(folder, segment);
    if (!entry || entry->kind != EntryKind::kObject || !IsName(name)) return;
    visit_({.name = std::move(name),
            .size = static_cast<std::uint64_t>(entry->status.st_size),
            .modified = ModifiedTime(entry->status)});
  }

  const DirectoryTree& tree_;
  std::string_view prefix_;
  std::string_view after_;
  const std::function<void(const ObjectInfo&)>& visit_;
};

void WalkTemporaries(const base::File& folder,
                     const std::function<void(const base::File&, const std::string&)>& visit) {
  std::vector<std::string> folders;
  std::vector<std::string> temporaries;
  ForEachEntry(folder, [&](const dirent& entry) {
    std::string name = static_cast<const char*>(entry.d_name);
    if (name.starts_with(kTemporaryPrefix)) {
      temporaries.push_back(std::move(name));
    } else if (IsSegment(name) && (entry.d_type == DT_DIR || entry.d_type == DT_UNKNOWN)) {
      folders.push_back(std::move(name));
    }
  });
  for (const std::string& name : temporaries) visit(folder, name);
  for (const std::string& name : folders) {
    const int fd =
        ::openat(folder.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
      WalkTemporaries(base::File(fd, folder.path() / name), visit);
    } else if (errno != ENOENT && errno != ENOTDIR) {
      ThrowSystemError("open", folder.path() / name);
    }
  }
}

}  // namespace

base::Time ModifiedTime(const struct stat& status) {
  return base::Time(
      std::chrono::floor<base::Duration>(std::chrono::seconds(status.st_mtim.tv_sec) +
                                         std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
}

void ListDirectory(const DirectoryTree& tree, std::string_view prefix, std::string_view after,
                   const std::function<void(const ObjectInfo&)>& visit) {
  const std::string start(Split(prefix).folder);
  // A prefix that no name can have: nothing, but only if the root is there to say so.
  const bool possible =
      start.empty() || IsName(std::string_view(start).substr(0, start.size() - 1));
  if (possible && (start.empty() || CanMatch(start, prefix, after))) {
    if (const auto folders = tree.Open(start)) {
      Lister(tree, prefix, after, visit).Walk(folders->back(), start);
    }
  }
  // Folders that went away with the root looked empty.
  tree.CheckRoot();
}

void ListTemporaries(const DirectoryTree& tree,
                     const std::function<void(const base::File&, const std::string&)>& visit) {
  const auto folders = tree.Open("");
  if (folders) WalkTemporaries(folders->back(), visit);
}

}  // namespace holdfast::storage
