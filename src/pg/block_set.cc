#include "pg/block_set.h"

namespace holdfast::pg {

void BlockSet::AddRun(BlockNumber first, std::uint64_t count) {
  if (count > 0) blocks_.addRange(first, std::uint64_t{first} + count);
}

std::uint64_t BlockSet::CountIn(std::uint64_t begin, std::uint64_t end) const {
  if (end <= begin) return 0;
  // rank() counts those up to a block, itself included.
  const auto below = [&](std::uint64_t block) {
    return block == 0 ? 0 : blocks_.rank(static_cast<BlockNumber>(block - 1));
  };
  return below(end) - below(begin);
}

void BlockSet::ForEachRun(
    std::uint64_t begin, std::uint64_t end,
    const std::function<void(BlockNumber first, std::uint64_t count)>& visit) const {
  if (begin >= end) return;
  auto block = blocks_.begin();
  block.equalorlarger(static_cast<BlockNumber>(begin));
  const auto last = blocks_.end();
  while (block != last && *block < end) {
    const BlockNumber first = *block;
    std::uint64_t count = 0;
    while (block != last && *block < end && *block == first + count) {
      ++count;
      ++block;
    }
    visit(first, count);
  }
}

}  // namespace holdfast::pg
