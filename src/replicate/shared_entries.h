// Walks a backup that is in both repositories beside the tree that is copied.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "replicate/sides.h"
#include "repo/tree.h"

namespace holdfast::replicate {

// Runs `read`; false when what it reads is missing or altered. For what only saves work: who needs
// it finds the damage, and says so.
template <typename Read>
bool CanRead(Read&& read) {
  try {
    read();
    return true;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return false;
  }
}

class SharedEntries {
 public:
  SharedEntries(const Sides& sides, const std::optional<SharedBackup>& shared);

  struct Pair {
    repo::TreeEntry from;
    repo::TreeEntry to;
  };
  // Paths must be asked for in ascending order. Empty where either side has none that can be read.
  std::optional<Pair> Take(const std::string& path);

 private:
  struct Walk {
    std::optional<repo::TreeReader> reader;
    std::optional<repo::TreeEntry> next;
    std::optional<repo::TreeEntry> Take(const std::string& path);
  };
  Walk from_;
  Walk to_;
};

// Of the same part of a file.
struct SharedPart {
  const repo::PagedContent::Part* from = nullptr;
  const repo::PagedContent::Part* to = nullptr;
};
// Empty where either side has no such part.
std::optional<SharedPart> PartOf(const std::optional<SharedEntries::Pair>& shared,
                                 std::size_t part);

}  // namespace holdfast::replicate
