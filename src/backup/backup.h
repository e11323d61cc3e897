// Backing up a PostgreSQL cluster: the recipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/reporter.h"
#include "catalog/cluster_facts.h"
#include "codec/compress.h"
#include "pg/connection.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "wal/archive.h"

namespace holdfast::backup {

struct BackupOptions {
  std::string source;
  pg::ConnectOptions connect;
  std::optional<base::Path> data_directory;  // without it, files are read through the connection
  bool full = false;                         // store everything again
  bool require_incremental = false;          // Error(kConflict) where everything must be read
  bool audit = false;  // read everything, and tell what the WAL would have missed
  bool pin = false;    // keep it until it is unpinned
  // Otherwise Error(kConflict) when the server is not the cluster of the source's newest backup.
  bool new_cluster = false;
  std::map<std::string, std::string> labels;
  int jobs = 2;  // readers; each holds one pack in memory
  std::uint64_t pack_size = 32 * base::kMiB;
  codec::CompressionOptions compression;
  // What was asked of the repository's store so far; empty where nothing counts it.
  std::function<catalog::RequestFacts()> requests;
  // The server's archive_command pushes into this repository.
  bool wal_is_pushed = false;
  // How long a receiver or archiver that is at work may take to deliver the last WAL before it is
  // read from the server.
  std::chrono::seconds wal_patience{30};
};

// What a run did, for people and for JSON.
struct BackupResult {
  repo::Snapshot snapshot;
  std::vector<std::string> warnings;  // also in the snapshot
};

// Publishes a backup only when every byte, and all WAL from its start to its stop, is in the
// repository; otherwise throws and leaves nothing but packs for prune. Warnings are in the result.
BackupResult BackUpCluster(const repo::Repository& repository, const BackupOptions& options,
                           base::Clock& clock, base::Reporter& report, const std::stop_token& stop);

}  // namespace holdfast::backup
