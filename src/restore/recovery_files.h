// The files that turn a copy of a cluster's files into a cluster that recovers: labels, settings,
// the backup's WAL, and last the control file.
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "restore/file_writer.h"
#include "restore/owner.h"
#include "restore/restore.h"

namespace holdfast::restore {

inline constexpr std::string_view kConfigPath = "postgresql.conf";

class RecoveryFiles {
 public:
  RecoveryFiles(const RestorePlan& plan, const RestoreOptions& options, std::optional<Owner> owner)
      : plan_(plan), options_(options), owner_(owner) {}

  // backup_label and, with tablespaces, tablespace_map with their new places.
  std::vector<WrittenFile> WriteLabels();
  // `restored` with a last line that says where the data directory is, whatever it said before.
  WrittenFile WriteConfig(base::ByteView restored, std::uint32_t mode);
  // postgresql.auto.conf (what was restored, plus the recovery's settings) and recovery.signal.
  void WriteSettings();
  // The WAL that makes the backup consistent, into pg_wal: pg_verifybackup looks for it there.
  void WriteWal(const repo::Repository& repository, const std::stop_token& stop);
  // The last step of a restore: with it the directory becomes a cluster.
  void WriteControlFile(base::ByteView contents, std::uint32_t mode);

 private:
  WrittenFile Write(std::string_view path, base::ByteView contents, std::uint32_t mode = 0600);

  const RestorePlan& plan_;
  const RestoreOptions& options_;
  const std::optional<Owner> owner_;
};

}  // namespace holdfast::restore
