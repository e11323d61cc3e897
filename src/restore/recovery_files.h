// The files that turn a copy of a cluster's files into a cluster that recovers: labels, settings,
// the backup's WAL.
#pragma once

#include <stop_token>
#include <vector>

#include "repo/repository.h"
#include "restore/restore.h"
#include "restore/small_files.h"

namespace holdfast::restore {

class RecoveryFiles {
 public:
  RecoveryFiles(const RestorePlan& plan, const RestoreOptions& options, SmallFiles& out)
      : plan_(plan), options_(options), out_(out) {}

  // backup_label and, with tablespaces, tablespace_map with their new places.
  std::vector<WrittenFile> WriteLabels();
  // A file of the configuration, so changed that the server stays where it was restored to.
  WrittenFile WriteConfig(const repo::TreeEntry& entry, base::ByteView restored);
  // postgresql.auto.conf, what was restored with settings added; for a recovery recovery.signal.
  void WriteSettings(base::ByteView restored);
  // The WAL that makes the backup consistent, into pg_wal: pg_verifybackup looks for it there.
  void WriteWal(const repo::Repository& repository, const std::stop_token& stop);

 private:
  const RestorePlan& plan_;
  const RestoreOptions& options_;
  SmallFiles& out_;
};

}  // namespace holdfast::restore
