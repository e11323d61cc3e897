// What a set of bad packs and frames takes with it, found page by page in a repository that is
// whole: slow, and plainly right.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "repo/ids.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "upkeep/damage_log.h"

namespace holdfast::upkeep {

// By object, backup and path; the pages, if the file has pages.
struct HitKey {
  std::string object;
  std::string backup;
  std::string path;
  auto operator<=>(const HitKey&) const = default;
};
using Hits = std::map<HitKey, std::set<std::uint32_t>>;

using BadPacks = std::map<repo::PackId, BadPack>;
Hits ExpectedHits(const repo::Repository& whole, const std::vector<repo::Snapshot>& backups,
                  const BadPacks& bad);

// The same of what a verification found. Of packs only.
Hits HitsOf(const std::vector<Damage>& damages);

}  // namespace holdfast::upkeep
