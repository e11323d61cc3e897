// Which pages of relations a stretch of WAL may have changed: what a backup must read that builds
// on an earlier one.
//
// Every record adds what it touches. What was noted in any order, and united from any number of
// stretches, is the same: a page may have changed if any of them says so.
//
// Source: src/backend/postmaster/walsummarizer.c and src/bin/pg_rewind/parsexlog.c for which
// records change files without naming blocks; the records' layouts in catalog/storage_xlog.h,
// access/xact.h, commands/dbcommands_xlog.h, commands/tablespace.h, catalog/pg_control.h. Free
// space and visibility maps are changed without being named (a page's bits are cleared by the
// record of its heap page): whoever uses this compares them in full.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/block_set.h"
#include "pg/cluster_files.h"
#include "pg/lsn.h"
#include "pg/version.h"
#include "pg/wal_record.h"

namespace holdfast::pg {

struct RelationFork {
  RelationId relation;
  Fork fork = Fork::kMain;
  friend auto operator<=>(const RelationFork&, const RelationFork&) = default;
};

struct DatabaseId {
  Oid tablespace = 0;
  Oid database = 0;
  friend auto operator<=>(const DatabaseId&, const DatabaseId&) = default;
};

struct ForkChanges {
  BlockSet blocks;
  // The fork had at most this many blocks at some moment: what it has from there on is new. 0 where
  // it was made or dropped.
  std::optional<BlockNumber> renewed_from;

  void RenewFrom(BlockNumber block);
  friend bool operator==(const ForkChanges&, const ForkChanges&) = default;
};

// Why the blocks may not be all that changed.
enum class ChangeDoubt : std::uint8_t {
  kMinimalWal,       // wal_level = minimal: new relations were written past the WAL
  kUnknownRecord,    // a record that changes files in a way that is not known
  kExtensionRecord,  // of an extension's own resource manager
};
std::string_view ChangeDoubtText(ChangeDoubt doubt);  // "the WAL has ..."

class BlockChanges {
 public:
  // Throws Error(kCorrupt) when a record that must be understood is not what its kind says.
  void Note(const WalRecord& record, MajorVersion version);
  void Unite(const BlockChanges& other);

  // What happened to a fork; nothing when no record touched it.
  const ForkChanges* Find(const RelationFork& fork) const;
  // All files of the database in the tablespace are new: it was created, copied or dropped.
  bool IsRenewed(const DatabaseId& database) const;

  // --- The parts, for storing them

  const std::map<RelationFork, ForkChanges>& forks() const { return forks_; }
  const std::set<DatabaseId>& databases() const { return databases_; }
  const std::set<Oid>& tablespaces() const { return tablespaces_; }
  const std::set<ChangeDoubt>& doubts() const { return doubts_; }
  // The WAL said so somewhere: wal_log_hints was switched off (page checksums log hints as well),
  // full_page_writes was off.
  bool hints_unlogged() const { return hints_unlogged_; }
  bool pages_unprotected() const { return pages_unprotected_; }

  ForkChanges& At(const RelationFork& fork) { return forks_[fork]; }
  void RenewDatabase(const DatabaseId& database) { databases_.insert(database); }
  void RenewTablespace(Oid tablespace) { tablespaces_.insert(tablespace); }
  void Doubt(ChangeDoubt doubt) { doubts_.insert(doubt); }
  void set_hints_unlogged() { hints_unlogged_ = true; }
  void set_pages_unprotected() { pages_unprotected_ = true; }

  friend bool operator==(const BlockChanges&, const BlockChanges&) = default;

 private:
  std::map<RelationFork, ForkChanges> forks_;
  std::set<DatabaseId> databases_;
  std::set<Oid> tablespaces_;
  std::set<ChangeDoubt> doubts_;
  bool hints_unlogged_ = false;
  bool pages_unprotected_ = false;
};

}  // namespace holdfast::pg
