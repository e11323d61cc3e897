// Which pack of the target holds what a pack of the origin holds.
//
// A pack of content is copied whole, frame by frame, so that a place in it stays what it is and
// only the pack's name changes. What of it is known comes from backups that are in both
// repositories, from the notes of a run that was interrupted, and from this run itself.
#pragma once

#include <optional>
#include <unordered_map>

#include "base/synchronized.h"
#include "repo/frame_reader.h"
#include "repo/ids.h"
#include "repo/page_map.h"
#include "repo/tree.h"
#include "repo/writer.h"

namespace holdfast::replicate {

// Does a pack hold nothing but pages and pieces of files? Others name packs, and are written anew.
bool HoldsContentOnly(const repo::PackFooter& footer);

// Thread-safe.
class PackPairs {
 public:
  PackPairs(repo::FrameReader& from, repo::FrameReader& to, repo::Writer& writer)
      : from_(from), to_(to), writer_(writer) {}

  // The target's pack; empty where it is not known.
  std::optional<repo::PackId> Find(const repo::PackId& from) const;
  // Of this run's own copies.
  void Add(const repo::PackId& from, const repo::PackId& to);
  // Takes a pair that others tell of only when the target's pack can be built upon and has the same
  // frames: it is there, neither condemned nor damaged, and as long frame by frame.
  void Offer(const repo::PackId& from, const repo::PackId& to);

  // From the same part, or the same file, of a backup that is in both. What does not correspond is
  // passed over.
  void Learn(const repo::PageMap& from, const repo::PageMap& to);
  void Learn(const repo::ExtentContent& from, const repo::ExtentContent& to);

 private:
  bool Correspond(const repo::PackId& from, const repo::PackId& to);

  repo::FrameReader& from_;
  repo::FrameReader& to_;
  repo::Writer& writer_;
  base::Synchronized<std::unordered_map<repo::PackId, repo::PackId>> pairs_;
};

}  // namespace holdfast::replicate
