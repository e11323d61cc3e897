// Writes WAL as a server would: pages, headers, records that go on over pages and segments.
#pragma once

#include "pg/wal_reader.h"

namespace holdfast::pg {

class WalBuilder {
 public:
  struct Options {
    MajorVersion version = MajorVersion::FromNumber(15);
    SegmentSize segment_size = SegmentSize::FromBytes(base::kMiB);
    SystemIdentifier system_identifier{77};
    TimelineId timeline{1};
    Lsn start{base::kMiB};  // of a segment
    Lsn previous{};         // the record before
  };

  explicit WalBuilder(const Options& options) : options_(options), previous_(options.previous) {}

  // Appends a record whose body is `body` as block headers and data; returns its start.
  Lsn Record(ResourceManager manager, std::uint8_t info, base::ByteView body);
  // A record with main data alone.
  Lsn MainDataRecord(ResourceManager manager, std::uint8_t info, base::ByteView data);
  // A switch record and zeros up to the segment's end.
  Lsn Switch();
  // The first part of a record, cut at the next page, and the page that abandons it, up to the
  // place of the record that has to say so.
  Lsn LostRecord();
  void SetTimeline(TimelineId timeline) { options_.timeline = timeline; }

  Lsn start() const { return options_.start; }
  Lsn position() const { return options_.start + bytes_.size(); }
  const base::Bytes& bytes() const { return bytes_; }
  // As a file: zeros up to the segment's end.
  base::Bytes Padded() const;

 private:
  Lsn Align();
  void PageHeader(std::uint16_t flags, std::uint32_t remaining);
  void Append(base::ByteView record);
  base::Bytes Assemble(ResourceManager manager, std::uint8_t info, base::ByteView body) const;

  Options options_;
  base::Bytes bytes_;
  Lsn previous_;
};

}  // namespace holdfast::pg
