// Are the packs there that a backup needs, and sound as far as is known?
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "repo/ids.h"
#include "repo/repository.h"

namespace holdfast::restore {

struct NeededPacks {
  std::set<repo::ShortPackId> missing;
  // There, and marked as damaged: something in them is altered, perhaps nothing that is needed.
  std::set<repo::ShortPackId> marked;
  std::vector<std::string> first_marked;  // a few of their names
  std::uint64_t count = 0;                // of all that are needed

  bool IsSuspect(const repo::PackId& pack) const;
};

// By the backup's list of packs, a listing of those that are there, and the marks.
NeededPacks LookForPacks(const repo::Repository& repository, const repo::BackupId& backup);

// "2 of the 40 packs of backup shop/... are missing, the first is 12ab...": for a sentence.
std::string ToText(const NeededPacks& packs, const repo::BackupId& backup);

}  // namespace holdfast::restore
