#include "base/error.h"
#include "pg/block_changes.h"
#include "pg/wal_reader.h"

namespace {

using namespace holdfast;

// The parts of a record, without a CRC in the way.
void Decode(base::ByteView bytes) {
  for (const std::uint32_t major : {13U, 15U, 18U}) {
    try {
      pg::WalRecord record;
      pg::DecodeWalRecord(bytes, pg::MajorVersion::FromNumber(major), record);
      pg::CommitTime(record);
      pg::ReadRestorePoint(record);
      pg::ReadCheckpointRecord(record);
      pg::ReadAbandonedRecord(record);
      pg::ReadBackupEnd(record);
      pg::BlockChanges().Note(record, pg::MajorVersion::FromNumber(major));
    } catch (const base::Error&) {
    }
  }
}

// The input as a stream of pages. Whatever it holds, the reader finds an end or asks for more.
void Read(base::ByteView bytes) {
  const auto version = pg::VersionOfWalPageMagic(
      bytes.size() < 2 ? std::uint16_t{0} : static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8));
  if (!version || bytes.size() < pg::kWalLongPageHeaderSize) return;
  const pg::Lsn start = pg::ParseWalPageHeader(bytes).address;
  if (start.value() % pg::kWalPageSize != 0) return;
  pg::WalReader reader({.version = *version,
                        .segment_size = pg::SegmentSize::FromBytes(base::kMiB),
                        .start = start});
  constexpr std::size_t kPiece = 1000;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPiece, bytes.size()))) {
    reader.Feed(bytes.first(std::min(kPiece, bytes.size())));
    while (const pg::WalRecord* record = reader.Next()) pg::CommitTime(*record);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  Decode(bytes);
  Read(bytes);
  return 0;
}
