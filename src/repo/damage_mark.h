// Marks of packs that were found damaged: no writer builds on them any more, so that the next
// backup stores again what they hold (docs/format/protocol.md).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "repo/ids.h"
#include "storage/storage.h"

namespace holdfast::repo {

inline constexpr std::string_view kDamagedPrefix = "damaged/";

// "damaged/<32 hex>". The name says all; the content is for people.
std::string DamageMarkObject(const ShortPackId& pack);
// Empty when it is not the name of a mark.
std::optional<ShortPackId> ParseDamageMark(std::string_view name);

// Only for a pack that is there and is certainly not what was written: what is stored again because
// of a wrong mark is paid for twice. Marking again does no harm.
void MarkDamaged(storage::Storage& storage, const ShortPackId& pack);

// The packs that are marked, and those that are known to be damaged without a mark. Not
// thread-safe.
class DamagedPacks {
 public:
  void Add(const std::set<ShortPackId>& unmarked) { unmarked_ = unmarked; }
  void Refresh(storage::Storage& storage);
  bool Contains(const PackId& pack) const { return Contains(ShortPackId::Of(pack)); }
  bool Contains(const ShortPackId& pack) const {
    return packs_.contains(pack) || unmarked_.contains(pack);
  }

 private:
  std::set<ShortPackId> packs_;
  std::set<ShortPackId> unmarked_;
};

}  // namespace holdfast::repo
