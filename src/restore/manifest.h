// backup_manifest of what is written, as it is written.
#pragma once

#include "pg/backup_manifest.h"
#include "restore/file_writer.h"
#include "restore/restore.h"

namespace holdfast::restore {

inline constexpr std::string_view kManifestPath = "backup_manifest";

// One thread at a time.
class Manifest {
 public:
  // Every piece of the text goes to `output`.
  Manifest(const RestorePlan& plan, pg::BackupManifestWriter::Output output);

  void Add(const WrittenFile& file);
  void Finish();

 private:
  const RestorePlan& plan_;
  pg::BackupManifestWriter writer_;
};

}  // namespace holdfast::restore
