// Where a restore writes: which directory each tablespace gets, and is there room?
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "catalog/cluster_facts.h"
#include "pg/lsn.h"

namespace holdfast::restore {

// Something is wrong with the place that a restore writes to, not with what it reads: another
// repository is no help.
class DestinationError : public base::Error {
 public:
  explicit DestinationError(base::Error error) : base::Error(std::move(error)) {}
};

// Runs `work`, which touches nothing but the destination.
template <std::invocable Work>
decltype(auto) AtDestination(Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (base::Error& error) {
    throw DestinationError(std::move(error));
  }
}

// Where every tablespace outside the data directory goes: as asked by location, name or OID, else
// where it was. Error(kUsage) for a mapping that fits none, Error(kConflict) for two into one
// directory or one inside another.
std::map<pg::Oid, base::Path> MapTablespaces(
    const std::vector<catalog::TablespaceFacts>& tablespaces,
    const std::map<std::string, base::Path>& asked, const base::Path& data_directory);

// Space by directory. Error(kUnavailable) naming the file system that has too little; directories
// on one file system are added up.
void CheckSpace(const std::map<base::Path, std::uint64_t>& bytes_by_directory);

}  // namespace holdfast::restore
