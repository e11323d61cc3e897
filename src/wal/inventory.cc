#include "wal/inventory.h"

#include <algorithm>

#include "base/error.h"
#include "storage/storage.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

// Each is wrong only if WAL was stored while it was made.
constexpr int kLooks = 5;

}  // namespace

void InventoryBuilder::AddFile(const std::string& object, std::string_view rest) {
  if (ParseTimelineRecord(rest) || ParseSegmentSize(rest)) return;
  const std::optional<ArchivedFile> file = ParseFileObject(rest);
  const std::optional<pg::WalFileName> name =
      file ? pg::ParseWalFileName(file->file_name, size_) : std::nullopt;
  if (!name) {
    inventory_.unknown.push_back(object);
    return;
  }
  const Place place{.timeline = name->timeline, .segment = name->segment};
  if (name->kind != pg::WalFileKind::kBackupHistory) timelines_.insert(name->timeline);
  if (name->kind == pg::WalFileKind::kSegment) return AddSegmentObject(*file, place, object);
  if (name->kind == pg::WalFileKind::kPartial) {
    open_[place].has_partial = true;
    open_[place].objects.push_back(object);
  }
  other_files_[file->file_name].push_back(object);
}

void InventoryBuilder::AddSegmentObject(const ArchivedFile& file, const Place& place,
                                        const std::string& object) {
  if (place_ != place) {
    FlushSegment();
    place_ = place;
    segment_.file_name = file.file_name;
  }
  segment_.objects.push_back(object);
}

void InventoryBuilder::FlushSegment() {
  if (place_ && segment_.objects.size() == 1) AddWhole(*place_);
  if (place_ && segment_.objects.size() > 1) {
    forked_.insert(*place_);
    inventory_.forks.push_back(segment_);
  }
  place_.reset();
  segment_ = {};
}

void InventoryBuilder::AddWhole(const Place& place) {
  const WalRange range{.timeline = place.timeline,
                       .start = pg::SegmentStart(place.segment, size_),
                       .end = pg::SegmentEnd(place.segment, size_)};
  std::vector<WalRange>& ranges = inventory_.ranges;
  if (!ranges.empty() && ranges.back().timeline == range.timeline &&
      ranges.back().end == range.start) {
    ranges.back().end = range.end;
  } else {
    ranges.push_back(range);
  }
}

void InventoryBuilder::AddTail(const std::string& object, std::string_view rest) {
  const std::optional<Tail> tail = ParseTailObject(rest);
  const std::optional<pg::WalFileName> name =
      tail ? pg::ParseWalFileName(tail->segment_name, size_) : std::nullopt;
  if (!name || pg::SegmentStart(name->segment, size_) != tail->start ||
      tail->end > pg::SegmentEnd(name->segment, size_)) {
    inventory_.unknown.push_back(object);
    return;
  }
  timelines_.insert(name->timeline);
  OpenParts& parts = open_[{.timeline = name->timeline, .segment = name->segment}];
  parts.tail_end = std::max(parts.tail_end, tail->end);
  parts.objects.push_back(object);
}

bool InventoryBuilder::IsWhole(const Place& place) const {
  const pg::Lsn start = pg::SegmentStart(place.segment, size_);
  return std::ranges::any_of(inventory_.ranges, [&](const WalRange& range) {
    return range.timeline == place.timeline && range.start <= start && start < range.end;
  });
}

void InventoryBuilder::AddOpen(const Place& place, const OpenParts& parts,
                               const OpenEnd& open_end) {
  const pg::Lsn start = pg::SegmentStart(place.segment, size_);
  std::optional<pg::Lsn> end = parts.tail_end;
  const std::string name = pg::FormatSegmentName(place.timeline, place.segment, size_);
  if (parts.has_partial && !open_end) {
    inventory_.unread.push_back(name + ".partial");
  } else if (parts.has_partial) {
    try {
      end = open_end(place.timeline, place.segment);
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kConflict) {
        inventory_.forks.push_back({.file_name = name + ".partial", .objects = parts.objects});
        return;
      }
      if (error.kind() != base::ErrorKind::kCorrupt) throw;
      inventory_.damaged.push_back(error.message());  // then what the tails' names tell remains
    }
  }
  if (!end || *end <= start) return;
  std::vector<WalRange>& ranges = inventory_.ranges;
  const auto before = std::ranges::find_if(ranges, [&](const WalRange& range) {
    return range.timeline == place.timeline && range.end == start && !range.open;
  });
  if (before != ranges.end()) {
    before->end = *end;
    before->open = true;
  } else {
    ranges.push_back({.timeline = place.timeline, .start = start, .end = *end, .open = true});
  }
}

Inventory InventoryBuilder::Finish(const OpenEnd& open_end) {
  FlushSegment();
  for (const auto& [file_name, objects] : other_files_) {
    const bool partial = pg::WalFileKindOf(file_name) == pg::WalFileKind::kPartial;
    if (objects.size() > 1 && !partial) {
      inventory_.forks.push_back({.file_name = file_name, .objects = objects});
    }
  }
  const bool any_wal = !inventory_.ranges.empty() || !open_.empty() || !inventory_.forks.empty();
  inventory_.segment_size = any_wal ? static_cast<std::uint32_t>(size_.bytes()) : 0;
  for (const auto& [place, parts] : open_) {
    if (!IsWhole(place) && !forked_.contains(place)) AddOpen(place, parts, open_end);
  }
  std::ranges::sort(inventory_.ranges, [](const WalRange& a, const WalRange& b) {
    return std::pair(a.timeline, a.start) < std::pair(b.timeline, b.start);
  });
  inventory_.timelines.assign(timelines_.begin(), timelines_.end());
  return std::move(inventory_);
}

std::uint32_t Archive::SegmentSize(pg::SystemIdentifier system) {
  const std::string prefix = WalPrefix(source_, system);
  std::uint32_t size = 0;
  for (const storage::ObjectInfo& object :
       storage::ListAll(repository_->storage(), prefix + std::string(kSegmentSizes))) {
    const auto parsed = ParseSegmentSize(std::string_view(object.name).substr(prefix.size()));
    if (parsed && size != 0) {
      throw base::Error(base::ErrorKind::kConflict,
                        "the archive of " + source_ + " holds segments of several sizes");
    }
    if (parsed) size = static_cast<std::uint32_t>(parsed->bytes());
  }
  return size;
}

Inventory Archive::Take(pg::SystemIdentifier system) {
  Inventory inventory = TakeOnce(system);
  for (int look = 1; look < kLooks && WasOvertaken(system, inventory); ++look) {
    inventory = TakeOnce(system);
  }
  return inventory;
}

// Tails first: a segment that becomes whole meanwhile is then seen as the one or the other.
Inventory Archive::TakeOnce(pg::SystemIdentifier system) {
  storage::Storage& storage = repository_->storage();
  const std::string wal_prefix = WalPrefix(source_, system);
  const std::uint32_t recorded = SegmentSize(system);
  const auto size = recorded == 0 ? pg::SegmentSize() : pg::SegmentSize::FromBytes(recorded);
  InventoryBuilder builder(size);
  const std::string tail_prefix = TailPrefix(source_, system);
  storage.List(tail_prefix, "", [&](const storage::ObjectInfo& object) {
    builder.AddTail(object.name, std::string_view(object.name).substr(tail_prefix.size()));
  });
  storage.List(wal_prefix, "", [&](const storage::ObjectInfo& object) {
    builder.AddFile(object.name, std::string_view(object.name).substr(wal_prefix.size()));
  });
  if (!reads_content()) return builder.Finish(nullptr);
  return builder.Finish([&](pg::TimelineId timeline, pg::SegmentNumber segment) {
    const auto open = GetOpenSegment(system, timeline, pg::SegmentStart(segment, size),
                                     static_cast<std::uint32_t>(size.bytes()));
    return open ? std::optional(open->end) : std::nullopt;
  });
}

// A listing may show what was stored while it was read, and not what was stored just before that.
// So only the last gap of a timeline can be none.
bool Archive::WasOvertaken(pg::SystemIdentifier system, const Inventory& inventory) {
  const std::vector<WalRange>& ranges = inventory.ranges;
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    const WalRange& range = ranges[i];
    const bool last = i + 1 == ranges.size() || ranges[i + 1].timeline != range.timeline;
    if (ranges[i - 1].timeline != range.timeline || !last) continue;
    const auto size = pg::SegmentSize::FromBytes(inventory.segment_size);
    const std::string missing =
        pg::FormatSegmentName(range.timeline, pg::SegmentOfByteBefore(range.start, size), size);
    const bool forked = std::ranges::find(inventory.forks, missing, &ForkedFile::file_name) !=
                        inventory.forks.end();
    if (!forked && Contains(system, missing)) return true;
  }
  return false;
}

}  // namespace holdfast::wal
