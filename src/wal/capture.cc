#include "wal/capture.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/workers.h"
#include "pg/wal_reader.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

constexpr std::chrono::milliseconds kLook{500};

struct Wanted {
  pg::SegmentNumber segment;
  std::string name;
};

std::vector<Wanted> WantedSegments(const CaptureOptions& options, pg::SegmentSize size) {
  std::vector<Wanted> wanted;
  const pg::SegmentNumber last = pg::SegmentOfByteBefore(options.stop, size);
  for (pg::SegmentNumber segment = pg::SegmentOfByteAt(options.start, size); segment <= last;
       segment = pg::NextSegment(segment)) {
    wanted.push_back(
        {.segment = segment, .name = pg::FormatSegmentName(options.timeline, segment, size)});
  }
  return wanted;
}

// Moves what has arrived from `missing` to `captured`.
void NoteArrivals(Archive& archive, const CaptureOptions& options, std::vector<Wanted>& missing,
                  Captured& captured) {
  std::erase_if(missing, [&](const Wanted& wanted) {
    if (!archive.Contains(options.system, wanted.name)) return false;
    captured.by_others.push_back(wanted.name);
    return true;
  });
}

std::optional<base::Bytes> ReadSegment(pg::WalDirectory& directory, const std::string& name,
                                       pg::SegmentSize size) {
  base::Bytes bytes(size.bytes());
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::size_t piece = std::min<std::size_t>(bytes.size() - done, base::kMiB);
    const std::optional<std::size_t> count =
        directory.ReadAt(name, done, base::MutableByteView(bytes).subspan(done, piece));
    if (!count) return std::nullopt;  // recycled or removed
    if (*count == 0) break;
    done += *count;
  }
  bytes.resize(done);
  return bytes;
}

// Whether the server has switched away from the segment behind `stop`, as it does at the end of a
// backup, so that the rest of it is final. A standby does not.
bool IsSwitchedAway(base::ByteView bytes, pg::Lsn stop, pg::Lsn segment_start,
                    pg::SegmentSize size) {
  if (stop == segment_start + size.bytes()) return true;
  pg::WalReader reader({.version = ReadSegmentHeader(bytes, "the last segment").version,
                        .segment_size = size,
                        .start = stop});
  reader.Feed(bytes.subspan(stop - segment_start));
  // Other backends may write between the end of the backup and the switch.
  while (const pg::WalRecord* record = reader.Next()) {
    if (pg::IsSegmentSwitch(record->header)) return true;
  }
  return false;
}

// False when the server does not have it.
bool CaptureOne(Archive& archive, pg::WalDirectory& directory, const CaptureOptions& options,
                const Wanted& wanted, pg::SegmentSize size) {
  const std::optional<base::Bytes> bytes = ReadSegment(directory, wanted.name, size);
  if (!bytes) return false;
  CheckSegment(*bytes, wanted.name);
  const pg::Lsn start = pg::SegmentStart(wanted.segment, size);
  const bool whole = options.stop > pg::SegmentEnd(wanted.segment, size) ||
                     IsSwitchedAway(*bytes, options.stop, start, size);
  if (whole) {
    (void)archive.Put(options.system, wanted.name, *bytes);
  } else {
    // Still being written: what lies before the stop is final, and all that the backup needs.
    archive.PutTail(options.system, options.timeline, start,
                    base::ByteView(*bytes).first(options.stop - start));
  }
  return true;
}

}  // namespace

Captured CaptureWal(Archive& archive, pg::WalDirectory& wal_directory,
                    const CaptureOptions& options, base::Clock& clock,
                    const std::stop_token& stop) {
  const auto size = pg::SegmentSize::FromBytes(options.segment_size);
  Captured captured;
  std::vector<Wanted> missing = WantedSegments(options, size);
  const auto deadline = clock.Steady() + options.patience;
  NoteArrivals(archive, options, missing, captured);
  while (!missing.empty() && clock.Steady() < deadline && clock.Sleep(kLook, stop)) {
    NoteArrivals(archive, options, missing, captured);
  }

  std::vector<std::string> gone;
  for (const Wanted& wanted : missing) {
    base::ThrowIfStopped(stop);
    if (CaptureOne(archive, wal_directory, options, wanted, size)) {
      captured.by_us.push_back(wanted.name);
    } else if (archive.Contains(options.system, wanted.name)) {  // archived, then recycled
      captured.by_others.push_back(wanted.name);
    } else {
      gone.push_back(wanted.name);
    }
  }
  if (!gone.empty()) {
    throw base::Error(
        base::ErrorKind::kUnavailable,
        fmt::format("the backup's WAL is neither in the archive nor on the server any more: {}",
                    fmt::join(gone, ", ")),
        {"stream WAL with `holdfast wal stream`, or raise wal_keep_size on the server"});
  }
  return captured;
}

}  // namespace holdfast::wal
