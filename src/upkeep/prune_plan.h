// What of a repository goes now, and what is condemned to go later: pure decisions over a view of
// it (docs/format/protocol.md, "Prune").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repo/ids.h"
#include "upkeep/repository_view.h"

namespace holdfast::upkeep {

struct DueList {
  std::size_t list = 0;                // place in the view's
  std::vector<std::uint32_t> deleted;  // places in the view's packs
  std::vector<repo::ShortPackId> spared;
};

struct PrunePlan {
  std::vector<DueList> due;
  std::vector<std::size_t> waiting;              // lists that are not yet due, by place
  std::vector<std::uint32_t> waiting_packs;      // on those, and on no list that is due
  std::optional<base::Time> next_due;            // when the first of `waiting` will be
  std::vector<std::uint32_t> condemned;          // packs to put on a new list
  bool may_condemn = false;                      // false: the last list is too young for another
  std::vector<const ViewedSnapshot*> snapshots;  // to be removed with their marks
  std::vector<std::string> leases;               // objects
  std::vector<std::string> pins;
  std::vector<std::string> lists;  // with their marks: list and mark, in the order of removal
};

// `grace` as kGrace. `lease_objects`: all that lie under leases/.
PrunePlan MakePlan(const RepositoryView& view, base::Duration grace,
                   const std::vector<storage::ObjectInfo>& lease_objects);

// May a lease's packs not yet be on any snapshot? Of kinds that are not known to be readers.
bool IsWriter(const repo::LeaseInfo& lease);

}  // namespace holdfast::upkeep
