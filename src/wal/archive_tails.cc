// The open segment: what has been received of a segment that is not whole yet.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "repo/blob.h"
#include "storage/storage.h"
#include "wal/archive.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

// While a listing is read, tails are replaced by longer ones.
constexpr int kLooks = 10;

[[noreturn]] void ReportDisagreement(const std::string& one, const std::string& other) {
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("{} and {} hold different WAL for the same positions", one, other),
                    {"two servers wrote to this source; see which one is the right one, and remove "
                     "the other's object"});
}

// The digest in a tail's name tells whether it is the beginning of `contents` without reading it.
template <typename Digest>
void RequireBeginnings(const std::string& prefix, const std::vector<Tail>& tails,
                       base::ByteView contents, Digest&& digest_of) {
  for (const Tail& tail : tails) {
    const std::uint64_t length = tail.end - tail.start;
    if (length <= contents.size() && digest_of(contents.first(length)) == tail.digest) continue;
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("{} is not the beginning of segment {} as it was received now",
                    TailObject(prefix, tail), tail.segment_name),
        {"two servers wrote to this source, or the server was rolled back; nothing was removed"});
  }
}

// The tails that `tail` goes further than, or as far as with other contents.
std::vector<Tail> Replaced(std::vector<Tail> tails, const Tail& tail) {
  std::erase_if(tails, [&](const Tail& other) {
    return other.end > tail.end || (other.end == tail.end && other.digest == tail.digest);
  });
  return tails;
}

}  // namespace

std::vector<Tail> Archive::TailsOf(pg::SystemIdentifier system, pg::TimelineId timeline,
                                   pg::Lsn segment_start) {
  const std::string prefix = TailPrefix(source_, system);
  std::vector<Tail> tails;
  repository_->storage().List(
      prefix + TimelineFolder(timeline), "", [&](const storage::ObjectInfo& object) {
        const auto tail = ParseTailObject(std::string_view(object.name).substr(prefix.size()));
        if (tail && tail->start == segment_start) tails.push_back(*tail);
      });
  return tails;
}

void Archive::RemoveTails(pg::SystemIdentifier system, const std::vector<Tail>& tails,
                          base::ByteView contents) {
  const std::string prefix = TailPrefix(source_, system);
  RequireBeginnings(prefix, tails, contents,
                    [&](base::ByteView beginning) { return DigestOf(beginning); });
  for (const Tail& tail : tails) {
    (void)repository_->storage().Remove(TailObject(prefix, tail));
  }
}

// Whether the segment is there whole, and begins with these bytes. Of a damaged one, and by a key
// that opens no content, that cannot be told: the tail is stored beside it.
bool Archive::BeginsStoredSegment(pg::SystemIdentifier system, const Tail& tail,
                                  base::ByteView bytes) {
  std::optional<base::Bytes> whole;
  try {
    whole = Get(system, tail.segment_name);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt && error.kind() != base::ErrorKind::kDenied)
      throw;
  }
  if (!whole) return false;
  if (bytes.size() <= whole->size() &&
      base::Equal(base::ByteView(*whole).first(bytes.size()), bytes)) {
    return true;
  }
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("segment {} is in the archive of {} whole, and begins otherwise than the WAL "
                  "that was received of it",
                  tail.segment_name, source_),
      {"two servers wrote to this source, or the server was rolled back; nothing was overwritten"});
}

void Archive::PutTail(pg::SystemIdentifier system, pg::TimelineId timeline, pg::Lsn segment_start,
                      base::ByteView bytes) {
  const SegmentHeader header = ReadSegmentHeader(bytes, "the open segment");
  const pg::SegmentNumber segment = pg::SegmentOfByteAt(segment_start, header.segment_size);
  const Tail tail{.timeline = timeline,
                  .segment_name = pg::FormatSegmentName(timeline, segment, header.segment_size),
                  .start = segment_start,
                  .end = segment_start + bytes.size(),
                  .digest = DigestOf(bytes)};
  CheckSegmentStart(bytes, tail.segment_name);
  RecordSegmentSize(system, header.segment_size);
  if (BeginsStoredSegment(system, tail, bytes)) return;
  const std::string prefix = TailPrefix(source_, system);
  if (!reads_content()) {
    // Nobody has compared the bytes with what is there: what contradicts it must not come beside
    // it, and what is shorter waits until it can be compared.
    const std::vector<Tail> there = TailsOf(system, timeline, segment_start);
    if (std::ranges::any_of(there, [&](const Tail& other) { return other.end > tail.end; })) return;
    RequireBeginnings(prefix, Replaced(there, tail), bytes,
                      [&](base::ByteView beginning) { return DigestOf(beginning); });
  }
  (void)Store(TailObject(prefix, tail), tail.digest, repo::PackKind::kWal, bytes);
  RemoveTails(system, Replaced(TailsOf(system, timeline, segment_start), tail), bytes);
}

void Archive::CheckTails(pg::SystemIdentifier system, pg::TimelineId timeline,
                         pg::Lsn segment_start, base::ByteView whole) {
  RequireBeginnings(TailPrefix(source_, system), TailsOf(system, timeline, segment_start), whole,
                    [&](base::ByteView beginning) { return DigestOf(beginning); });
}

void Archive::DropTails(pg::SystemIdentifier system, pg::TimelineId timeline, pg::Lsn segment_start,
                        base::ByteView whole) {
  RemoveTails(system, TailsOf(system, timeline, segment_start), whole);
}

base::Bytes Archive::OpenTail(const std::string& object, const Tail& tail,
                              std::uint32_t segment_size) const {
  base::Bytes bytes = Open(object, tail.digest);
  CheckSegmentStart(bytes, tail.segment_name);
  if (bytes.size() != tail.end - tail.start || bytes.size() > segment_size) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} holds {} bytes", object, bytes.size()));
  }
  return bytes;
}

std::optional<Archive::OpenSegment> Archive::GetOpenSegment(pg::SystemIdentifier system,
                                                            pg::TimelineId timeline,
                                                            pg::Lsn segment_start,
                                                            std::uint32_t segment_size) {
  for (int look = 1;; ++look) {
    try {
      return TakeOpenSegment(system, timeline, segment_start, segment_size);
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kNotFound || look == kLooks) throw;
    }
  }
}

// The longest is read, and the shorter tails are compared with it by their digests: a damaged one
// hides nothing that is not there. Error(kNotFound) when one was replaced meanwhile.
std::optional<Archive::OpenSegment> Archive::TakeOpenSegment(pg::SystemIdentifier system,
                                                             pg::TimelineId timeline,
                                                             pg::Lsn segment_start,
                                                             std::uint32_t segment_size) {
  const auto size = pg::SegmentSize::FromBytes(segment_size);
  const std::string name =
      pg::FormatSegmentName(timeline, pg::SegmentOfByteAt(segment_start, size), size);
  std::string longest = name + ".partial";
  std::optional<base::Bytes> bytes = Get(system, longest);
  if (bytes) bytes->resize(WrittenBytes(*bytes, segment_start, timeline));

  std::vector<Tail> tails = TailsOf(system, timeline, segment_start);
  std::ranges::sort(tails, std::ranges::greater(), &Tail::end);
  for (const Tail& tail : tails) {
    const std::string object = TailObject(TailPrefix(source_, system), tail);
    const std::uint64_t length = tail.end - tail.start;
    if (bytes && length <= bytes->size()) {
      if (DigestOf(base::ByteView(*bytes).first(length)) == tail.digest) continue;
      ReportDisagreement(longest, object);
    }
    base::Bytes longer = OpenTail(object, tail, segment_size);
    if (bytes && !base::Equal(base::ByteView(longer).first(bytes->size()), *bytes)) {
      ReportDisagreement(longest, object);
    }
    longest = object;
    bytes = std::move(longer);
  }
  if (!bytes) bytes = Get(system, name);  // whole by now, and its tails dropped
  if (!bytes) return std::nullopt;
  OpenSegment open{.bytes = std::move(*bytes)};
  open.end = segment_start + open.bytes.size();
  open.bytes.resize(segment_size);
  return open;
}

}  // namespace holdfast::wal
