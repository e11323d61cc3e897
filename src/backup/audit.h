// An audit of what a backup built on an earlier one would have left out: everything is read, and a
// page that differs from the earlier backup's must be one that the WAL names.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/synchronized.h"
#include "catalog/cluster_facts.h"
#include "pg/lsn.h"

namespace holdfast::backup {

// Thread-safe.
//
// A page that differs unnamed is judged by its LSN, which every change that the WAL tells of sets
// to where its record ends:
// - behind `since` and not behind `until`: a record changed it that was not seen, or the disk lies;
// - not behind `since`: no record did. Hint bits, and notes of an index to itself, which the server
//   writes without WAL and sets again when they are missing;
// - behind `until`: it was changed while it was read. The backup's own WAL tells.
// A page without an LSN (all zeros) had one when the earlier backup read it: missed as well.
class Audit {
 public:
  // The starts of the earlier backup and of this one.
  Audit(pg::Lsn since, pg::Lsn until) : since_(since), until_(until) {}

  void AddUnnamed(std::string_view path, pg::BlockNumber block_in_file, base::ByteView page);
  // Missed pages ascending by path and block.
  catalog::AuditFacts Take();

 private:
  const pg::Lsn since_;
  const pg::Lsn until_;
  base::Synchronized<catalog::AuditFacts> facts_;
};

}  // namespace holdfast::backup
