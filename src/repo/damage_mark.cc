#include "repo/damage_mark.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "repo/json_text.h"

namespace holdfast::repo {

std::string DamageMarkObject(const ShortPackId& pack) {
  return fmt::format("{}{}", kDamagedPrefix, base::ToHex(pack.bytes));
}

std::optional<ShortPackId> ParseDamageMark(std::string_view name) {
  if (!name.starts_with(kDamagedPrefix)) return std::nullopt;
  try {
    const base::Bytes bytes = base::FromHex(name.substr(kDamagedPrefix.size()));
    ShortPackId pack;
    if (bytes.size() != pack.bytes.size()) return std::nullopt;
    std::ranges::copy(bytes, pack.bytes.begin());
    // There is one way to write it.
    if (DamageMarkObject(pack) != name) return std::nullopt;
    return pack;
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

void MarkDamaged(storage::Storage& storage, const ShortPackId& pack) {
  const std::string text = DumpJson({{"found_at", ToJson(storage.StoreTime())}});
  static_cast<void>(storage.Put(DamageMarkObject(pack), base::ToBytes(text)));
}

void DamagedPacks::Refresh(storage::Storage& storage) {
  for (const storage::ObjectInfo& object : storage::ListAll(storage, kDamagedPrefix)) {
    if (const auto pack = ParseDamageMark(object.name)) packs_.insert(*pack);
  }
}

}  // namespace holdfast::repo
