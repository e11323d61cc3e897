// The receiver's local spool: WAL that has arrived and is not yet in the repository.
//
//   <directory>/lock                         held by flock while a receiver runs
//   <directory>/identity                     JSON: system identifier, segment size
//   <directory>/00000001000000000000000A.wal chunks of one segment, from its start on
//   <directory>/00000002.history             as the server gave it
//
// A chunk is a 20 byte header (magic, length, position, CRC-32C of length, position and bytes; all
// little-endian) and its bytes. What a crash of the machine leaves half-written is found by the CRC
// and cut off, so that every byte the spool shows is one that the server sent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "pg/lsn.h"
#include "pg/wal_segment.h"

namespace holdfast::wal {

struct SpoolIdentity {
  pg::SystemIdentifier system;
  pg::SegmentSize segment_size;
  friend bool operator==(const SpoolIdentity&, const SpoolIdentity&) = default;
};

// One segment's bytes [start, end).
struct SpooledSegment {
  pg::TimelineId timeline;
  pg::SegmentNumber segment;
  pg::Lsn start;
  pg::Lsn end;
  bool whole = false;
};

// One thread appends, another reads and removes: safe for that.
class Spool {
 public:
  // Creates the directory. Error(kConflict) when another receiver holds it; kCorrupt when it holds
  // what no receiver puts there.
  static Spool Open(const base::Path& directory);
  ~Spool();
  Spool(Spool&&) noexcept;

  std::optional<SpoolIdentity> identity() const;
  // The first time: durably written. Error(kConflict) when the spool is of another cluster, or of
  // another segment size, and not empty.
  void SetIdentity(const SpoolIdentity& identity);

  // What is durable, by timeline, then segment: the order in which they were received. Only the
  // last one may grow: a segment is durable to its end before the next one begins.
  std::vector<SpooledSegment> Segments() const;
  std::vector<pg::TimelineId> Histories() const;
  std::uint64_t disk_bytes() const;

  // `start` is the end of the segment it lies in, or a segment's first byte. Splits at segment
  // boundaries. Error(kInternal) for a hole. Not yet durable. After a failure what was being
  // appended is cut off.
  void Append(pg::TimelineId timeline, pg::Lsn start, base::ByteView bytes);
  // When it returns, everything appended survives a crash of the machine.
  void Sync();
  // Durable when it returns.
  void PutHistory(pg::TimelineId timeline, std::string_view text);

  // The segment's bytes from its start up to `end` as Segments() told it.
  base::Bytes Read(const SpooledSegment& segment) const;
  std::string ReadHistory(pg::TimelineId timeline) const;
  void Remove(const SpooledSegment& segment);
  void RemoveHistory(pg::TimelineId timeline);

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::wal
