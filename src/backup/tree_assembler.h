// Puts the files of a backup into its tree in the order of their paths, although workers finish
// them in any order.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "base/synchronized.h"
#include "repo/tree.h"

namespace holdfast::backup {

// Thread-safe, but for Finish.
class TreeAssembler {
 public:
  explicit TreeAssembler(repo::TreeWriter& tree) : tree_(tree) {}

  using Slot = std::size_t;
  // Takes the next place in the tree. Places must be taken in ascending order of path.
  Slot Reserve();
  // Fills a place; empty: the file vanished, the place is dropped.
  void Deliver(Slot slot, std::optional<repo::TreeEntry> entry);
  // Every place taken must have been filled: Error(kInternal) otherwise, since a file would be
  // missing silently.
  void Finish();

 private:
  struct Place {
    bool filled = false;
    std::optional<repo::TreeEntry> entry;
  };
  struct Waiting {
    std::deque<Place> places;
    Slot first = 0;  // the slot of places.front()
  };
  repo::TreeWriter& tree_;
  base::Synchronized<Waiting> waiting_;
};

}  // namespace holdfast::backup
