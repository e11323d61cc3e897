// The packs that a stored frame names, each written once and then referred to by number
// (docs/format/map.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "repo/ids.h"

namespace holdfast::repo {

// Count, then 32 bytes each. The ids are distinct.
void WritePackTable(base::ByteWriter& out, std::span<const PackId> packs);

// The zero id becomes `self`, the pack that the frame was read from; where `self` is zero too, a
// zero id is refused. Error(kCorrupt) also for repeated ids and a table of more than `limit`.
std::vector<PackId> ReadPackTable(base::ByteReader& in, std::uint32_t limit, const PackId& self);

// Numbers packs in the order of their first use. A pack that is being built goes by a provisional
// id at first and by its name later: both get the same number.
class PackTableBuilder {
 public:
  // The final name of a pack; empty while it is being built.
  using Resolve = std::function<std::optional<PackId>(const PackId&)>;
  explicit PackTableBuilder(Resolve resolve) : resolve_(std::move(resolve)) {}

  std::uint32_t Number(const PackId& pack);
  std::span<const PackId> packs() const { return packs_; }
  void Clear();

 private:
  void NameWhatIsPut();

  Resolve resolve_;
  std::vector<PackId> packs_;
  std::map<PackId, std::uint32_t> numbers_;  // under every id a pack was seen by
  std::vector<std::uint32_t> being_built_;
};

// Signed numbers as varints: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
constexpr std::uint64_t ZigZag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t UnZigZag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

}  // namespace holdfast::repo
