// Reading a live cluster's files, two ways behind one interface: the local data directory, and a
// plain connection.
//
// Paths are relative to the data directory, '/'-separated; a tablespace's files are under
// pg_tblspc/OID/. What is read may be torn or older than its neighbours: WAL replay from the
// backup's start makes it whole.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "pg/backup_session.h"

namespace holdfast::pg {

struct ClusterEntry {
  enum class Type { kFile, kDirectory, kSymlink };
  std::string path;
  Type type = Type::kFile;
  std::uint64_t size = 0;
  base::Time modified{};
  std::uint32_t mode = 0600;  // 0600/0700 where the way of reading cannot see it
  std::uint32_t uid = 0;      // 0 where it cannot be seen
  std::uint32_t gid = 0;
  std::string link_target{};  // of pg_tblspc/OID, a symlinked pg_wal, and others at the top
};

// What is wanted of a file, and where it goes.
struct FileRange {
  std::uint64_t offset = 0;
  base::MutableByteView out;
};

// One per thread.
class FileReader {
 public:
  virtual ~FileReader() = default;
  // Reads up to out.size() bytes at `offset`; fewer only where the file ends. Empty when the file
  // certainly does not exist (any more). Each aligned 8 KiB page is from one read(2) of the server
  // or of ours.
  virtual std::optional<std::size_t> ReadAt(std::string_view path, std::uint64_t offset,
                                            base::MutableByteView out) = 0;
  // As ReadAt of each range, in their order; through a connection with as few round trips as their
  // size allows.
  virtual std::vector<std::optional<std::size_t>> ReadRanges(std::string_view path,
                                                             std::span<const FileRange> ranges);
};

// Thread-safe.
class ClusterReader {
 public:
  virtual ~ClusterReader() = default;
  // Everything a backup holds, exclusions of cluster_files.h applied, ascending byte-wise by path,
  // directories included. pg_wal and the other excluded directories appear as empty directories.
  // Entries that vanish while listing are left out; unreadable ones throw.
  virtual std::vector<ClusterEntry> List() = 0;
  virtual std::unique_ptr<FileReader> NewReader() = 0;
  virtual std::string method() const = 0;  // "local" or "sql"
};

// Error(kConflict) when `data_directory` is not that of the session's postmaster (postmaster.pid,
// system identifier, start time).
std::unique_ptr<ClusterReader> OpenLocalReader(const base::Path& data_directory,
                                               const BackupSession& session);
// Each reader is a connection of its own that has proven its postmaster.
std::unique_ptr<ClusterReader> OpenSqlReader(const ConnectOptions& connect,
                                             const BackupSession& session);

// pg_wal, for capturing a backup's own WAL and for receiving WAL without the replication protocol.
// Not thread-safe.
class WalDirectory {
 public:
  virtual ~WalDirectory() = default;
  // Sorted: segments, .partial and .history files. Segments past the current one are recycled ones,
  // with old content.
  virtual std::vector<std::string> List() = 0;
  // As FileReader::ReadAt, `name` within pg_wal.
  virtual std::optional<std::size_t> ReadAt(std::string_view name, std::uint64_t offset,
                                            base::MutableByteView out) = 0;
};
std::unique_ptr<WalDirectory> OpenLocalWalDirectory(const base::Path& data_directory);
std::unique_ptr<WalDirectory> OpenSqlWalDirectory(const ConnectOptions& connect);
// As above, proven to be of the session's postmaster.
std::unique_ptr<WalDirectory> OpenSqlWalDirectory(const ConnectOptions& connect,
                                                  const BackupSession& session);

// The GRANT statements that let a non-superuser `role` do everything holdfast does, to be run in
// each database used.
std::string GrantStatements(std::string_view role, int server_version);

}  // namespace holdfast::pg
