// The packs that a stored frame names, each written once and then referred to by number
// (docs/format/map.md).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "repo/ids.h"

namespace holdfast::repo {

// Count, then 32 bytes each. The ids are distinct.
void WritePackTable(base::ByteWriter& out, std::span<const PackId> packs);

// The zero id becomes `self`, the pack that the frame was read from; where `self` is zero too, a
// zero id is refused. Error(kCorrupt) also for repeated ids and a table of more than `limit`.
std::vector<PackId> ReadPackTable(base::ByteReader& in, std::uint32_t limit, const PackId& self);

// Signed numbers as varints: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
constexpr std::uint64_t ZigZag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t UnZigZag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

}  // namespace holdfast::repo
