#include "upkeep/pack_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "repo/stored_check.h"

namespace holdfast::upkeep {

PackListing::PackListing(storage::Storage& storage) {
  storage.List(repo::kPacksPrefix, {}, [&](const storage::ObjectInfo& object) {
    if (!repo::IsStoredName(object.name)) return;
    const std::string hex = object.name.substr(object.name.rfind('/') + 1);
    packs_.push_back(
        {.id = repo::PackId::FromHex(hex), .size = object.size, .modified = object.modified});
  });
}

std::optional<std::size_t> PackListing::Find(const repo::ShortPackId& pack) const {
  const auto place = std::ranges::lower_bound(
      packs_, pack, {}, [](const ListedPack& listed) { return repo::ShortPackId::Of(listed.id); });
  if (place == packs_.end() || repo::ShortPackId::Of(place->id) != pack) return std::nullopt;
  return static_cast<std::size_t>(place - packs_.begin());
}

bool IsThere(storage::Storage& storage, const repo::ShortPackId& pack) {
  const std::string half = base::ToHex(pack.bytes);
  bool found = false;
  storage.List(
      fmt::format("{}{}/{}", repo::kPacksPrefix, half.substr(0, 2), half), {},
      [&](const storage::ObjectInfo& object) { found = found || repo::IsStoredName(object.name); });
  return found;
}

}  // namespace holdfast::upkeep
