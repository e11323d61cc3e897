#include "pg/testing/wal_builder.h"

#include <algorithm>

#include "pg/crc32c.h"

namespace holdfast::pg {

void WalBuilder::PageHeader(std::uint16_t flags, std::uint32_t remaining) {
  const bool is_long = OffsetInSegment(position(), options_.segment_size) == 0;
  base::ByteWriter out;
  out.U16(WalPageMagic(options_.version));
  out.U16(static_cast<std::uint16_t>(flags | (is_long ? WalPageHeader::kLongHeader : 0)));
  out.U32(options_.timeline.value());
  out.U64(position().value());
  out.U32(remaining);
  out.U32(0);
  if (is_long) {
    out.U64(options_.system_identifier.value());
    out.U32(static_cast<std::uint32_t>(options_.segment_size.bytes()));
    out.U32(kWalPageSize);
  }
  const base::Bytes header = out.Take();
  bytes_.insert(bytes_.end(), header.begin(), header.end());
}

Lsn WalBuilder::Align() {
  bytes_.resize((bytes_.size() + 7) / 8 * 8);
  if (position().value() % kWalPageSize == 0) PageHeader(0, 0);
  return position();
}

base::Bytes WalBuilder::Assemble(ResourceManager manager, std::uint8_t info,
                                 base::ByteView body) const {
  base::ByteWriter head;
  head.U32(static_cast<std::uint32_t>(kWalRecordHeaderSize + body.size()));
  head.U32(5);
  head.U64(previous_.value());
  head.U8(info);
  head.U8(static_cast<std::uint8_t>(manager));
  head.U16(0);
  Crc32c crc;
  crc.Extend(body);
  crc.Extend(head.view());
  head.U32(crc.value());
  head.Raw(body);
  return head.Take();
}

void WalBuilder::Append(base::ByteView record) {
  while (!record.empty()) {
    if (position().value() % kWalPageSize == 0) {
      PageHeader(WalPageHeader::kContinuesRecord, static_cast<std::uint32_t>(record.size()));
    }
    const std::size_t room = kWalPageSize - position().value() % kWalPageSize;
    const base::ByteView piece = record.first(std::min(room, record.size()));
    bytes_.insert(bytes_.end(), piece.begin(), piece.end());
    record = record.subspan(piece.size());
  }
}

Lsn WalBuilder::Record(ResourceManager manager, std::uint8_t info, base::ByteView body) {
  const Lsn start = Align();
  Append(Assemble(manager, info, body));
  previous_ = start;
  return start;
}

Lsn WalBuilder::MainDataRecord(ResourceManager manager, std::uint8_t info, base::ByteView data) {
  base::ByteWriter body;
  if (data.size() < 256) {
    body.U8(255);
    body.U8(static_cast<std::uint8_t>(data.size()));
  } else {
    body.U8(254);
    body.U32(static_cast<std::uint32_t>(data.size()));
  }
  body.Raw(data);
  return Record(manager, info, body.view());
}

Lsn WalBuilder::Switch() {
  const Lsn start = Record(ResourceManager::kXlog, 0x40, {});
  bytes_ = Padded();
  return start;
}

Lsn WalBuilder::LostRecord() {
  const Lsn start = Align();
  base::Bytes record = Assemble(ResourceManager::kHeap, 0, base::Bytes(2 * kWalPageSize, 3));
  record.resize(kWalPageSize - position().value() % kWalPageSize);
  Append(record);
  PageHeader(WalPageHeader::kAbandonsRecord, 0);
  return start;
}

base::Bytes WalBuilder::Padded() const {
  base::Bytes padded = bytes_;
  const Lsn end =
      SegmentEnd(SegmentOfByteBefore(position(), options_.segment_size), options_.segment_size);
  padded.resize(end - options_.start);
  return padded;
}

}  // namespace holdfast::pg
