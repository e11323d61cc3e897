#include "upkeep/mark_packs.h"

#include <fmt/format.h>

#include <string_view>

#include "base/error.h"
#include "repo/damage_mark.h"
#include "repo/ids.h"
#include "repo/stored_check.h"

namespace holdfast::upkeep {

namespace {

bool IsPack(std::string_view object) {
  return object.starts_with(repo::kPacksPrefix) && repo::IsStoredName(object);
}

repo::ShortPackId IdOf(std::string_view object) {
  return repo::ShortPackId::Of(repo::PackId::FromHex(object.substr(object.rfind('/') + 1)));
}

}  // namespace

Marking MarkPacks(storage::Storage& storage, const std::vector<Damage>& damages) {
  Marking marking;
  try {
    for (const Damage& damage : damages) {
      if (!IsPack(damage.object) || !storage.Stat(damage.object)) continue;
      repo::MarkDamaged(storage, IdOf(damage.object));
      ++marking.marked;
    }
  } catch (const base::Error& error) {
    marking.warnings.push_back(
        fmt::format("what is damaged cannot be marked, so the next backup builds on it unless it "
                    "is a full one: {}",
                    error.message()));
  }
  return marking;
}

}  // namespace holdfast::upkeep
