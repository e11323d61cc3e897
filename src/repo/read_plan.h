// Which requests to make for a set of frames of one pack.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "repo/pack.h"

namespace holdfast::repo {

// A hole up to this size is read rather than skipped: another request costs more.
inline constexpr std::uint64_t kMaxReadGap = 256 * base::kKiB;
inline constexpr std::uint64_t kMaxReadSize = 8 * base::kMiB;

struct ReadRange {
  std::uint64_t offset = 0;  // in the pack
  std::uint64_t length = 0;
  std::span<const std::uint32_t> frames;  // part of what was asked for
  std::uint64_t end() const { return offset + length; }
};

// `frames` ascending, without repeats: Error(kInternal) otherwise. Error(kCorrupt) for one that is
// not there.
std::vector<ReadRange> PlanReads(const PackFooter& footer, std::span<const std::uint32_t> frames);

}  // namespace holdfast::repo
