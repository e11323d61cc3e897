// Objects as files of a directory: on a local disk, or on a network mount.
#pragma once

#include <sys/types.h>

#include "base/file.h"
#include "storage/directory_publish.h"
#include "storage/directory_tree.h"
#include "storage/storage.h"

namespace holdfast::storage {

struct DirectoryOptions {
  // Create the root when it is missing.
  bool create = false;
  // At least these, whatever the umask is.
  mode_t file_mode = 0600;
  mode_t folder_mode = 0700;
  PublishCalls publish_calls = SystemPublishCalls();
};

// The object "a/b" is the file ROOT/a/b. A put writes ROOT/a/.put-<random>, syncs it, renames it
// without replacing and syncs the folders up to the root; so a crash leaves at most such a file,
// which is no object. Any number of processes and hosts may use one directory.
//
// Where root puts objects, they and their folders belong to the owner of the root folder.
//
// The root may be a symbolic link; inside, links are refused (DirectoryTree). A full disk is
// Error(kUnavailable) with a hint, and leaves no object.
class DirectoryStorage final : public Storage {
 public:
  // A missing root is Error(kNotFound) unless it is to be created.
  DirectoryStorage(const base::Path& root, DirectoryOptions options);

  [[nodiscard]] PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<ObjectInfo> Stat(std::string_view name) override;
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const ObjectInfo&)>& visit) override;
  // Also removes the folders that become empty.
  RemoveOutcome Remove(std::string_view name) override;
  // Safe at any time: a put whose temporary file is taken away begins again.
  std::uint64_t RemoveLeftovers() override;
  // By creating a file: on a network mount, files carry the server's time.
  base::Time StoreTime() override;
  StorageTraits traits() const override;

 private:
  std::optional<PutOutcome> TryPut(std::string_view name, base::ByteView contents);
  std::optional<base::File> OpenObject(std::string_view name) const;

  DirectoryOptions options_;
  DirectoryTree tree_;
};

}  // namespace holdfast::storage
