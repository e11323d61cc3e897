// The folders of a directory storage, always walked from its root, never through a symbolic link.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace holdfast::storage {

// What a directory entry is to a storage. Symbolic links, pipes, devices and sockets are nothing
// that it could have put there: they are never followed or opened, and make the request that meets
// them throw Error(kConflict).
enum class EntryKind { kObject, kFolder };

// The folder and the last segment of an object's name; the folder is empty or ends in '/'.
struct SplitName {
  std::string_view folder;
  std::string_view segment;
};
SplitName Split(std::string_view name);

// Throws the Error for errno, naming the path.
[[noreturn]] void ThrowSystemError(std::string_view action, const base::Path& path);

// Thread-safe.
class DirectoryTree {
 public:
  // Error(kNotFound) when there is no such folder.
  explicit DirectoryTree(base::Path root);

  const base::Path& root() const { return root_; }
  base::Path PathOf(std::string_view name) const { return root_ / name; }

  // Throws Error(kUnavailable) unless the root is still the folder it was: a disk that was
  // unmounted must not look like missing objects. Error(kConflict) where a folder that holds
  // anything has taken its place. To be asked before "absent" is believed.
  void CheckRoot() const;

  // The open folders from the root down to `folder` ("" or "a/b/"); empty when one of them
  // certainly does not exist.
  std::optional<std::vector<base::File>> Open(std::string_view folder) const;

  // The same, creating with exactly `mode` what is missing; nothing is synced yet. Empty when a
  // folder was removed under our hands: try again. Error(kConflict) when an object is in the place
  // of a folder.
  std::optional<std::vector<base::File>> OpenOrCreate(std::string_view folder, mode_t mode) const;

  // The status of an entry and its kind; empty when it certainly does not exist.
  struct Entry {
    EntryKind kind;
    struct stat status;
  };
  std::optional<Entry> Look(const base::File& folder, std::string_view segment) const;

 private:
  // The time of birth, where the file system knows it, tells a folder from a later one with the
  // same inode number.
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t born_seconds = 0;
    std::uint32_t born_nanoseconds = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  static Identity IdentityOf(const base::File& folder);

  base::File OpenRoot() const;

  base::Path root_;
  Identity identity_;
};

// What root has created goes to the owner of the root folder, who could not read it otherwise.
// Does nothing for other users, who create what is theirs.
void GiveToOwner(const base::File& root, const base::File& created);

// fsyncs one folder: makes changes of its entries durable.
void SyncFolder(const base::File& folder);

// fsyncs the folders, the innermost first: makes an entry of the innermost durable with all its
// ancestors. All of them, each time: a folder found existing may be one that a crashed process
// created and did not sync.
void SyncFolders(const std::vector<base::File>& folders);

}  // namespace holdfast::storage
