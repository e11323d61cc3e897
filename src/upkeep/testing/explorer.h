// Runs backups, restores, forgets, pins and prunes against one repository in an order and at times
// drawn by lot, and sees whether what docs/format/protocol.md claims holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repo/protocol_times.h"
#include "upkeep/testing/ledger.h"

namespace holdfast::upkeep {

// What the store's answers are like.
enum class StoreKind {
  kDrawn,    // one of the following, by the seed
  kPrompt,   // what was put shows at once
  kStale,    // what is seen may be six hours old
  kJumping,  // prompt, but its clock jumps by days
};

struct ExploreOptions {
  std::uint64_t seed = 0;
  StoreKind store = StoreKind::kDrawn;
  bool with_trace = false;
  // Mutations: each takes away what the claim rests on.
  // Names that these see as absent.
  std::string writers_blind_to = {};
  std::string pruners_blind_to = {};
  base::Duration grace = repo::kGrace;
  // Prune removes a list that is due before it deletes what is on it.
  bool lists_go_first = false;
};

struct Exploration {
  std::vector<std::string> violations;  // in words
  Counts counts;
  std::vector<std::string> trace;  // every call, in order
};

// One at a time.
Exploration Explore(const ExploreOptions& options);

}  // namespace holdfast::upkeep
