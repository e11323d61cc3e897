// Which pages of a cluster's files a backup has to read that builds on an earlier one: the pure
// decision.
//
// It errs on one side only: what is read in vain costs time, what is not read must be as the
// earlier backup has it. Why that holds for pages that no record names: every page on disk at the
// earlier backup's start that changed since was changed by a record behind that start (the start is
// a checkpoint's), or only in its hint bits, which the server sets again when they are missing.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/cluster_facts.h"
#include "pg/block_changes.h"
#include "pg/block_set.h"
#include "pg/cluster_files.h"

namespace holdfast::catalog {

// Immutable, shared by all workers.
class ChangedPages {
 public:
  // `changes` since the earlier backup's start; `bad_pages` of that backup are read again.
  ChangedPages(pg::BlockChanges changes, const std::vector<BadPage>& bad_pages,
               std::uint32_t blocks_per_segment);

  // Pages [first, first + count) of the file, of which the earlier backup has `stored`, numbered
  // from 0 within that stretch. Those behind `stored` are always in it.
  pg::BlockSet ToRead(std::string_view path, const pg::RelationFile& file, std::uint32_t first,
                      std::uint32_t count, std::uint32_t stored) const;

 private:
  bool IsReadWhole(const pg::RelationFile& file) const;

  pg::BlockChanges changes_;
  std::set<std::pair<std::string, pg::BlockNumber>, std::less<>> bad_pages_;
  std::uint32_t blocks_per_segment_;
};

}  // namespace holdfast::catalog
