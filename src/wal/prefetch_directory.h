// Where segments wait that were fetched ahead of recovery. Private to one recovery, and outside its
// pg_wal: pg_rewind and the server take every file there for their own.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "pg/lsn.h"

namespace holdfast::wal {

class PrefetchDirectory {
 public:
  // Creates the directory.
  PrefetchDirectory(base::Path directory, pg::SystemIdentifier system);

  // Held by the one process that fetches ahead; empty when another does.
  std::optional<base::File> TryLock() const;

  bool Contains(const std::string& segment_name) const;
  // Appears whole or not at all.
  void Put(const std::string& segment_name, base::ByteView contents);
  // The segment, taken out; empty when it is not there, or not what it should be.
  std::optional<base::Bytes> Take(const std::string& segment_name);
  // Removes the segments that lie before this one, whatever their timeline.
  void RemoveBefore(const std::string& segment_name);
  // Removes what a killed process left half-written. Only with the lock held.
  void RemoveLeftovers();

 private:
  base::Path directory_;
  pg::SystemIdentifier system_;
};

}  // namespace holdfast::wal
