// Writes PostgreSQL's backup_manifest, so that pg_verifybackup can check what was restored and
// pg_basebackup of 17 and newer can build on it.
//
// Source: the documentation's chapter "Backup Manifest Format" and src/backend/backup/
// backup_manifest.c. Version 1 up to 16; version 2 from 17 on, with the system identifier.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "pg/lsn.h"
#include "pg/version.h"

namespace holdfast::pg {

struct ManifestFile {
  // As ClusterFiles spells paths. Any bytes but NUL; what is not UTF-8 is written in hexadecimal.
  std::string_view path;
  std::uint64_t size = 0;
  base::Time last_modified{};
  // Crc32cOf the whole file; without one, whoever checks the file looks at its size alone.
  std::optional<std::uint32_t> crc32c = {};
};

// WAL needed to make the backup consistent.
struct ManifestWalRange {
  TimelineId timeline;
  Lsn start;
  Lsn end;
};

// The manifest is written piece by piece and never held as a whole. It is complete, and then only,
// once Finish has returned: without its last line every reader refuses it. One thread at a time.
class BackupManifestWriter {
 public:
  using Output = std::function<void(std::string_view)>;

  // Every piece goes to `output`, whose exceptions pass through.
  BackupManifestWriter(MajorVersion version, SystemIdentifier system_identifier, Output output);
  ~BackupManifestWriter();
  BackupManifestWriter(const BackupManifestWriter&) = delete;
  BackupManifestWriter& operator=(const BackupManifestWriter&) = delete;

  // In any order, each path once; all files of the backup but pg_wal's and the manifest itself.
  void Add(const ManifestFile& file);
  // Oldest timeline first.
  void Finish(std::span<const ManifestWalRange> wal_ranges);

 private:
  class Sha256;
  void Write(std::string_view text);

  Output output_;
  std::unique_ptr<Sha256> sha256_;
  bool has_files_ = false;
  bool finished_ = false;
};

}  // namespace holdfast::pg
