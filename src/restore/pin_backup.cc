#include "restore/pin_backup.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::restore {

namespace {

std::unique_ptr<repo::Lease> TakeLease(const repo::Repository& repository,
                                       const repo::Snapshot& backup, base::Reporter& report) {
  try {
    return std::make_unique<repo::Lease>(
        repository,
        repo::LeaseDraft{.kind = "restore", .pins = {backup.id}, .log = backup.facts.log});
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kDenied && error.kind() != base::ErrorKind::kUnavailable)
      throw;
    report.Warn(
        fmt::format("the repository cannot be written to, so nothing keeps a prune from deleting "
                    "this backup meanwhile: {}",
                    error.message()));
    return nullptr;
  }
}

// After the lease was put: from then on, prune spares it. Before, it may have begun to delete it.
void CheckListed(storage::Storage& storage, const repo::BackupId& backup) {
  if (storage.Stat(repo::SnapshotObject(backup)) && !storage.Stat(repo::TombstoneObject(backup)))
    return;
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("backup {} was forgotten by another meanwhile", backup.ToString()),
                    {"see which there are: holdfast list " + backup.source});
}

}  // namespace

std::unique_ptr<repo::Lease> PinBackup(const repo::Repository& repository,
                                       const repo::Snapshot& backup, base::Reporter& report) {
  std::unique_ptr<repo::Lease> lease = TakeLease(repository, backup, report);
  CheckListed(repository.storage(), backup.id);
  return lease;
}

}  // namespace holdfast::restore
