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

}  // namespace holdfast::repo
