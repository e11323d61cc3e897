// Bringing back what a repository has lost from the others that hold the source.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cli/session.h"
#include "repo/ids.h"
#include "repo/repository.h"

namespace holdfast::cli {

struct BringBackRequest {
  const config::Repository* settings = nullptr;  // of the damaged repository
  std::string source;
  std::vector<repo::BackupId> backups;  // that are hit, ascending
  std::set<repo::ShortPackId> altered;  // packs, marked or not
  std::vector<std::string> wal;         // names of damaged objects of its WAL archive
  bool dry_run = false;
};

struct BroughtBack {  // from one place
  std::string from;
  std::vector<repo::BackupId> healed{};
  std::vector<std::string> wal_healed{};  // names of objects
  std::uint64_t wal_files = 0;            // that were missing
  std::uint64_t bytes_stored = 0;
  // Backups that are there and not here: lost, or let go. Nobody can tell, so they stay there.
  std::vector<repo::BackupId> only_there{};
};

struct BringBackResult {
  std::vector<BroughtBack> places{};
  std::vector<std::string> warnings{};  // places that could not help, and why
};

// Asks every other repository that the configuration names for the source, in its order. One that
// cannot be opened, or is damaged in the same place, is a warning. Brings no WAL where the damaged
// repository has no backup of the source. With a key here that may only add nothing is brought
// back, which is a warning too.
BringBackResult BringBack(Session& session, const repo::Repository& damaged,
                          const BringBackRequest& request);

}  // namespace holdfast::cli
