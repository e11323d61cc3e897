// The packs that are in a storage, from one listing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "repo/ids.h"
#include "storage/storage.h"

namespace holdfast::upkeep {

struct ListedPack {
  repo::PackId id;
  std::uint64_t size = 0;
  base::Time modified;  // on the store's clock
};

// 48 bytes for each pack. Objects under packs/ that are no packs are left out.
class PackListing {
 public:
  explicit PackListing(storage::Storage& storage);

  const std::vector<ListedPack>& packs() const { return packs_; }  // ascending by id
  // Its place in packs().
  std::optional<std::size_t> Find(const repo::ShortPackId& pack) const;

 private:
  std::vector<ListedPack> packs_;
};

// Asks the storage once more, for this pack alone: a listing may miss what comes and goes
// meanwhile.
bool IsThere(storage::Storage& storage, const repo::ShortPackId& pack);

}  // namespace holdfast::upkeep
