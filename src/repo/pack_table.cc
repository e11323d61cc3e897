#include "repo/pack_table.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::repo {

void WritePackTable(base::ByteWriter& out, std::span<const PackId> packs) {
  out.Varint(packs.size());
  for (const PackId& pack : packs) out.Raw(pack.bytes);
}

std::vector<PackId> ReadPackTable(base::ByteReader& in, std::uint32_t limit, const PackId& self) {
  const std::uint64_t count = in.VarintUpTo(limit);
  const base::ByteView ids = in.Raw(count * sizeof(PackId::bytes));
  std::vector<PackId> packs(count);
  for (std::size_t i = 0; i < packs.size(); ++i) {
    std::ranges::copy(ids.subspan(i * sizeof(PackId::bytes), sizeof(PackId::bytes)),
                      packs[i].bytes.begin());
    if (packs[i].IsSelf()) packs[i] = self;
    if (packs[i].IsSelf()) {
      throw base::Error(base::ErrorKind::kCorrupt, "a pack table names no pack");
    }
  }
  std::vector<PackId> sorted = packs;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) {
    throw base::Error(base::ErrorKind::kCorrupt, "a pack table names a pack twice");
  }
  return packs;
}

// Packs put since their last use are renamed first, so that a name given from now on finds them.
std::uint32_t PackTableBuilder::Number(const PackId& pack) {
  NameWhatIsPut();
  if (const auto it = numbers_.find(pack); it != numbers_.end()) return it->second;
  const std::optional<PackId> name = resolve_(pack);
  const PackId& id = name ? *name : pack;
  const auto [it, is_new] = numbers_.try_emplace(id, static_cast<std::uint32_t>(packs_.size()));
  const std::uint32_t number = it->second;
  if (is_new) {
    packs_.push_back(id);
    if (!name) being_built_.push_back(number);
  }
  numbers_.try_emplace(pack, number);
  return number;
}

void PackTableBuilder::NameWhatIsPut() {
  std::erase_if(being_built_, [&](std::uint32_t number) {
    const std::optional<PackId> name = resolve_(packs_[number]);
    if (!name) return false;
    packs_[number] = *name;
    numbers_.try_emplace(*name, number);
    return true;
  });
}

void PackTableBuilder::Clear() {
  packs_.clear();
  numbers_.clear();
  being_built_.clear();
}

}  // namespace holdfast::repo
