// Marks what a verification found damaged, so that no writer builds on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/storage.h"
#include "upkeep/verify.h"

namespace holdfast::upkeep {

struct Marking {
  std::uint64_t marked = 0;
  std::vector<std::string> warnings;
};

// Marks the packs among the damages that are there. A missing one needs no mark: every writer sees
// for itself that it is missing. Where marks cannot be put, that is a warning.
Marking MarkPacks(storage::Storage& storage, const std::vector<Damage>& damages);

}  // namespace holdfast::upkeep
