#include "catalog/changed_pages.h"

#include <algorithm>

namespace holdfast::catalog {

ChangedPages::ChangedPages(pg::BlockChanges changes, const std::vector<BadPage>& bad_pages,
                           std::uint32_t blocks_per_segment)
    : changes_(std::move(changes)), blocks_per_segment_(blocks_per_segment) {
  for (const BadPage& page : bad_pages) bad_pages_.emplace(page.path, page.block);
}

bool ChangedPages::IsReadWhole(const pg::RelationFile& file) const {
  // The maps change without being named, and an init fork is a page or two.
  if (file.fork != pg::Fork::kMain) return true;
  return changes_.IsRenewed(
      {.tablespace = file.relation.tablespace, .database = file.relation.database});
}

pg::BlockSet ChangedPages::ToRead(std::string_view path, const pg::RelationFile& file,
                                  std::uint32_t first, std::uint32_t count,
                                  std::uint32_t stored) const {
  pg::BlockSet pages;
  if (IsReadWhole(file)) {
    pages.AddRun(0, count);
    return pages;
  }
  if (stored < count) pages.AddRun(stored, count - stored);
  const std::uint64_t begin = std::uint64_t{pg::FirstBlock(file, blocks_per_segment_)} + first;
  if (const pg::ForkChanges* changes = changes_.Find({file.relation, file.fork})) {
    changes->blocks.ForEachRun(begin, begin + count, [&](pg::BlockNumber block, std::uint64_t run) {
      pages.AddRun(static_cast<pg::BlockNumber>(block - begin), run);
    });
    if (changes->renewed_from && *changes->renewed_from < begin + count) {
      const std::uint64_t from = std::max<std::uint64_t>(*changes->renewed_from, begin) - begin;
      pages.AddRun(static_cast<pg::BlockNumber>(from), count - from);
    }
  }
  for (auto bad = bad_pages_.lower_bound(std::pair(std::string(path), first));
       bad != bad_pages_.end() && bad->first == path && bad->second < first + count; ++bad) {
    pages.Add(bad->second - first);
  }
  return pages;
}

}  // namespace holdfast::catalog
