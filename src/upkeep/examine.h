// How the backups of a source stand, as retention must know: which are good, and what looks wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repo/damage_mark.h"
#include "repo/lease.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "upkeep/pack_listing.h"

namespace holdfast::upkeep {

struct ExaminedBackup {
  repo::Snapshot snapshot;
  base::Time stored;  // on the store's clock
  std::string flaw;   // why it is not good, in words; empty: it is
  bool pinned = false;
  bool leads_to_present = true;
  bool good() const { return flaw.empty(); }
};

struct UnreadableBackup {
  repo::BackupId id;
  std::string problem;
};

struct ExaminedSource {
  std::string source;
  std::vector<ExaminedBackup> backups;  // in the order in which they were made
  std::vector<UnreadableBackup> unreadable;
  // Leases of backups of this source that have ended without a word.
  std::vector<repo::LeaseInfo> broken_off;
};

// What one listing tells for all sources.
struct ExaminedStore {
  explicit ExaminedStore(const repo::Repository& repository);
  base::Time now;
  PackListing packs;
  repo::DamagedPacks damaged;
  std::vector<repo::LeaseInfo> leases;
};

// Of all packs that the backup needs: why it cannot be restored whole, in words; empty: it can, as
// far as listings and marks tell.
std::string FlawOfPacks(const repo::Repository& repository, const ExaminedStore& store,
                        const repo::BackupId& id);

// A backup is good when its record opens, its packs are all there and none is marked as damaged,
// the server gave no damaged pages, and of a cluster the WAL that makes it consistent is in the
// archive. Contents are not read: that is what verify is for, which puts the marks.
ExaminedSource Examine(const repo::Repository& repository, const ExaminedStore& store,
                       const std::string& source);

}  // namespace holdfast::upkeep
