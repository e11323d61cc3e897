// Where segments wait that were fetched ahead of recovery. Private to one recovery, and outside its
// pg_wal: pg_rewind and the server take every file there for their own.
//
//   <directory>/lock             held by flock while a process fetches ahead
//   <directory>/<segment>.<seal> one segment; the seal is Archive::Seal of its content
//
// Nothing here is trusted. A file counts when its seal is that of its name and content, which only
// who can open the repository can make; so files need no fsync, whatever a crash, another cluster's
// recovery or a hand leaves behind is found out and removed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "pg/lsn.h"
#include "wal/archive.h"

namespace holdfast::wal {

class PrefetchDirectory {
 public:
  // Creates the directory. `archive` outlives it.
  PrefetchDirectory(const Archive& archive, pg::SystemIdentifier system, base::Path directory);

  // Held by the one process that fetches ahead; empty when another does.
  std::optional<base::File> TryLock() const;

  // Whether there is anything under the name, sound or not.
  bool Contains(const std::string& segment_name) const;
  // `contents` are the archive's. Appears whole or not at all, unless the machine crashes.
  void Put(const std::string& segment_name, base::ByteView contents);
  // The archive's segment, taken out; empty when it is not there. What is there under the name and
  // cannot be shown to be the archive's is removed.
  std::optional<base::Bytes> Take(const std::string& segment_name);
  // Removes the segments that lie before this one, whatever their timeline.
  void RemoveBefore(const std::string& segment_name);
  // Removes what a killed process left half-written. Only with the lock held.
  void RemoveLeftovers();

 private:
  std::vector<std::string> FilesOf(const std::string& segment_name) const;
  std::optional<base::Bytes> ReadSound(const std::string& segment_name,
                                       const std::string& file) const;

  const Archive* archive_;
  pg::SystemIdentifier system_;
  base::Path directory_;
};

}  // namespace holdfast::wal
