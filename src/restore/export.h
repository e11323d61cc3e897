// Exporting one cluster backup as plain files: a base backup that a server of that major starts on
// by itself, in a directory or in one archive. Plan, then execute.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/reporter.h"
#include "repo/repository.h"
#include "restore/export_format.h"
#include "restore/restore.h"

namespace holdfast::restore {

struct ExportOptions {
  repo::BackupId backup;
  ExportFormat format = ExportFormat::kTar;
  base::Path to;                                  // absolute; empty: a stream
  std::map<std::string, base::Path> tablespaces;  // of a directory, as for a restore
  std::vector<base::Path> precious = {};          // as for a restore
  // Of a 7z, which then holds one file, the tar; empty: not encrypted.
  std::string passphrase = {};
  int jobs = 2;
  std::string time_zone = "UTC";  // for messages
  // For what the repository cannot give, piece by piece, in this order.
  std::vector<OtherPlace> others = {};
};

// Everything is checked as for a restore: packs, WAL from the backup's start to its stop, the
// place. In an archive tablespaces are directories in place.
RestorePlan PlanExport(const repo::Repository& repository, const ExportOptions& options,
                       base::Reporter& report);

struct ExportResult {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;    // of their content
  std::uint64_t written = 0;  // of the archive; of a directory the same as `bytes`
  std::vector<std::string> warnings;
};

// A directory becomes a cluster, and a file gets its name, when everything is there and fsynced.
// `stream`: open for writing, where options.to is empty. pg_control is the last file of an archive:
// nobody starts a server on what was unpacked from a stream that broke.
ExportResult ExecuteExport(const repo::Repository& repository, const RestorePlan& plan,
                           const ExportOptions& options, base::File* stream, base::Reporter& report,
                           const std::stop_token& stop);

}  // namespace holdfast::restore
