// From a listing to an Inventory.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wal/archive.h"
#include "wal/object_names.h"

namespace holdfast::wal {

// Fed with the names of one cluster's objects, those below WalPrefix in ascending order. Memory
// grows with the ranges, forks, history and partial files, not with the segments.
class InventoryBuilder {
 public:
  explicit InventoryBuilder(pg::SegmentSize segment_size) : size_(segment_size) {}

  // `rest`: the name after WalPrefix, or TailPrefix.
  void AddFile(const std::string& object, std::string_view rest);
  void AddTail(const std::string& object, std::string_view rest);

  // `open_end` is asked for the end of an open segment that has a .partial file, which its name
  // does not tell; it may throw Error(kConflict) where the accounts of it differ, and kCorrupt.
  // Empty for a key that opens no content.
  using OpenEnd =
      std::function<std::optional<pg::Lsn>(pg::TimelineId timeline, pg::SegmentNumber segment)>;
  Inventory Finish(const OpenEnd& open_end);

 private:
  struct Place {
    pg::TimelineId timeline;
    pg::SegmentNumber segment;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct OpenParts {
    pg::Lsn tail_end;
    std::vector<std::string> objects;
    bool has_partial = false;
  };

  void FlushSegment();
  void AddSegmentObject(const ArchivedFile& file, const Place& place, const std::string& object);
  void AddWhole(const Place& place);
  bool IsWhole(const Place& place) const;
  void AddOpen(const Place& place, const OpenParts& parts, const OpenEnd& open_end);

  pg::SegmentSize size_;
  Inventory inventory_;
  std::set<pg::TimelineId> timelines_;
  // The segment whose objects are being seen.
  std::optional<Place> place_;
  ForkedFile segment_;
  std::map<std::string, std::vector<std::string>> other_files_;
  std::map<Place, OpenParts> open_;
  std::set<Place> forked_;
};

}  // namespace holdfast::wal
