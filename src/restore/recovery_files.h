// The files that turn a copy of a cluster's files into a cluster that recovers: labels, settings,
// the backup's WAL.
#pragma once

#include <stop_token>
#include <vector>

#include "repo/repository.h"
#include "restore/restore.h"
#include "restore/small_files.h"
#include "wal/archive.h"

namespace holdfast::restore {

// Makes zeros of what a segment holds from `stop` on: recovery ends there, at the backup's own
// moment, however much of the segment was archived.
void EndWalAt(pg::Lsn stop, std::string_view name, base::Bytes& segment);

class RecoveryFiles {
 public:
  RecoveryFiles(const RestorePlan& plan, const RestoreOptions& options, SmallFiles& out)
      : plan_(plan), options_(options), out_(out) {}

  // backup_label and, with tablespaces, tablespace_map with their new places.
  std::vector<WrittenFile> WriteLabels();
  // A file of the configuration, so changed that the server stays where it was restored to.
  WrittenFile WriteConfig(const repo::TreeEntry& entry, base::ByteView restored);
  // postgresql.auto.conf, what was restored with settings added; for a recovery from the
  // repository recovery.signal.
  void WriteSettings(base::ByteView restored);
  // The WAL that makes the backup consistent, into pg_wal: pg_verifybackup looks for it there. Of
  // an export nothing beyond the backup's stop, and its timeline's history.
  void WriteWal(const repo::Repository& repository, const std::stop_token& stop);

 private:
  void WriteHistory(wal::Archive& archive);

  const RestorePlan& plan_;
  const RestoreOptions& options_;
  SmallFiles& out_;
};

}  // namespace holdfast::restore
