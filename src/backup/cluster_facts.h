// What a cluster backup records about itself in a snapshot's attributes (docs/format/snapshot.md,
// "Cluster backups").
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pg/lsn.h"

namespace holdfast::backup {

struct TablespaceFacts {
  pg::Oid oid = 0;
  std::string name;
  std::string location;
  bool in_place = false;
};

struct BadPage {
  std::string path;
  pg::BlockNumber block = 0;  // within the file
};

struct ClusterFacts {
  std::string method;  // how files were read: "local" or "sql"
  int server_version = 0;
  std::uint32_t wal_segment_size = 0;
  bool data_checksums = false;
  std::string start_lsn;
  std::string stop_lsn;
  std::string backup_label;
  std::string tablespace_map;
  std::vector<TablespaceFacts> tablespaces;
  std::vector<std::string> outside_files;
  std::vector<BadPage> bad_pages;  // checksum failures that WAL replay does not mend
  std::uint64_t bytes_source = 0;  // size of everything the backup holds
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_stored = 0;
  std::uint64_t pages_changed = 0;
  std::uint64_t pages = 0;
  std::uint64_t files = 0;
};

nlohmann::json ToJson(const ClusterFacts& facts);
ClusterFacts ClusterFactsFromJson(const nlohmann::json& json);  // Error(kCorrupt)

}  // namespace holdfast::backup
