#include "wal/summary.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "pg/wal_reader.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

constexpr std::string_view kWhat = "the WAL summary";
constexpr std::uint8_t kVersion = 1;
// A record reaches over a segment's end seldom, and then it began a page or two before.
constexpr std::uint64_t kFirstLookBack = 64 * base::kKiB;
constexpr std::size_t kFeedBytes = base::kMiB;

// Bits of the flags.
constexpr std::array<std::pair<pg::ChangeDoubt, std::uint8_t>, 3> kDoubtBits = {{
    {pg::ChangeDoubt::kMinimalWal, 0x01},
    {pg::ChangeDoubt::kUnknownRecord, 0x02},
    {pg::ChangeDoubt::kExtensionRecord, 0x04},
}};
constexpr std::uint8_t kHintsUnlogged = 0x08;
constexpr std::uint8_t kPagesUnprotected = 0x10;
constexpr std::uint8_t kAllFlags = 0x1F;

constexpr std::uint64_t kBlocks = std::uint64_t{1} << 32;

// ---- encoding

std::uint8_t FlagsOf(const pg::BlockChanges& changes) {
  std::uint8_t flags = 0;
  for (const auto& [doubt, bit] : kDoubtBits) {
    if (changes.doubts().contains(doubt)) flags |= bit;
  }
  if (changes.hints_unlogged()) flags |= kHintsUnlogged;
  if (changes.pages_unprotected()) flags |= kPagesUnprotected;
  return flags;
}

void EncodeFork(const pg::RelationFork& fork, const pg::ForkChanges& changes,
                base::ByteWriter& out) {
  out.Varint(fork.relation.tablespace);
  out.Varint(fork.relation.database);
  out.Varint(fork.relation.number);
  out.U8(static_cast<std::uint8_t>(fork.fork));
  out.Varint(changes.renewed_from ? std::uint64_t{*changes.renewed_from} + 1 : 0);
  std::uint64_t runs = 0;
  base::ByteWriter list;
  std::uint64_t last_end = 0;
  changes.blocks.ForEachRun(0, kBlocks, [&](pg::BlockNumber first, std::uint64_t count) {
    list.Varint(first - last_end);
    list.Varint(count - 1);
    last_end = first + count;
    ++runs;
  });
  out.Varint(runs);
  out.Raw(list.view());
}

// ---- decoding

[[noreturn]] void ThrowCorrupt(std::string_view problem) {
  throw base::Error(base::ErrorKind::kCorrupt, std::string(kWhat) + " " + std::string(problem));
}

pg::Oid ReadOid(base::ByteReader& in) { return static_cast<pg::Oid>(in.VarintUpTo(kBlocks - 1)); }

void SetFlags(std::uint8_t flags, pg::BlockChanges& changes) {
  if ((flags & ~kAllFlags) != 0) ThrowCorrupt("says something that this program does not know");
  for (const auto& [doubt, bit] : kDoubtBits) {
    if ((flags & bit) != 0) changes.Doubt(doubt);
  }
  if ((flags & kHintsUnlogged) != 0) changes.set_hints_unlogged();
  if ((flags & kPagesUnprotected) != 0) changes.set_pages_unprotected();
}

void DecodeFork(base::ByteReader& in, pg::BlockChanges& changes) {
  pg::RelationFork fork;
  fork.relation.tablespace = ReadOid(in);
  fork.relation.database = ReadOid(in);
  fork.relation.number = ReadOid(in);
  const std::uint8_t number = in.U8();
  if (number > static_cast<std::uint8_t>(pg::Fork::kInit)) ThrowCorrupt("names an unknown fork");
  fork.fork = static_cast<pg::Fork>(number);
  if (!changes.forks().empty() && fork <= changes.forks().rbegin()->first) {
    ThrowCorrupt("has its parts out of order");
  }
  pg::ForkChanges& into = changes.At(fork);
  if (const std::uint64_t renewed = in.VarintUpTo(kBlocks)) {
    into.RenewFrom(static_cast<pg::BlockNumber>(renewed - 1));
  }
  std::uint64_t at = 0;
  for (std::uint64_t runs = in.VarintUpTo(kBlocks); runs > 0; --runs) {
    at += in.VarintUpTo(kBlocks - 1);
    if (at >= kBlocks) ThrowCorrupt("names blocks that no relation has");
    const std::uint64_t count = in.VarintUpTo(kBlocks - 1 - at) + 1;
    into.blocks.AddRun(static_cast<pg::BlockNumber>(at), count);
    at += count;
  }
}

// ---- making one

pg::WalReaderOptions ReaderOptions(const SegmentHeader& header, pg::Lsn start) {
  return {.version = header.version,
          .segment_size = header.segment_size,
          .start = start,
          .system_identifier = header.system};
}

// Where a reader stands behind the last bytes of the segment before; empty when the record that
// goes on does not begin in them.
std::optional<pg::WalCarry> CarryBehind(base::ByteView bytes, const SegmentHeader& header) {
  pg::WalReader reader(ReaderOptions(header, pg::Lsn(header.address.value() - bytes.size())));
  reader.Feed(bytes);
  while (reader.Next() != nullptr) {
  }
  if (reader.end()) return std::nullopt;
  pg::WalCarry carry = reader.Carry();
  if (!carry.record_start.IsValid() || carry.position != header.address) return std::nullopt;
  return carry;
}

std::optional<pg::WalCarry> CarryInto(const SegmentHeader& header,
                                      const PreviousSegment& previous) {
  for (std::uint64_t count = std::min(kFirstLookBack, header.segment_size.bytes());;
       count = std::min(count * 16, header.segment_size.bytes())) {
    const std::optional<base::Bytes> bytes = previous(count);
    if (!bytes || bytes->size() != count || header.address.value() < count) return std::nullopt;
    if (auto carry = CarryBehind(*bytes, header)) return carry;
    if (count == header.segment_size.bytes()) return std::nullopt;
  }
}

// A segment that begins with a whole record, or says which lost record it begins by giving up,
// stands for itself.
bool NeedsPrevious(base::ByteView bytes) {
  const pg::WalPageHeader page = pg::ParseWalPageHeader(bytes);
  return page.ContinuesRecord() && !page.AbandonsRecord();
}

void NoteRecords(pg::WalReader& reader, base::ByteView bytes, pg::MajorVersion version,
                 Summary& summary) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kFeedBytes);
    reader.Feed(bytes.first(count));
    bytes = bytes.subspan(count);
    while (const pg::WalRecord* record = reader.Next()) {
      if (!summary.end.IsValid()) {
        // What a record gives up was written and lost: nothing of it counts.
        const std::optional<pg::Lsn> lost = pg::ReadAbandonedRecord(*record);
        summary.start = std::min({summary.start, record->start, lost.value_or(record->start)});
        summary.previous_record = record->header.previous;
      }
      summary.last_record = record->start;
      summary.changes.Note(*record, version);
      summary.end = record->end;
    }
    if (reader.end()) return;
  }
}

}  // namespace

base::Bytes EncodeSummary(const Summary& summary) {
  base::ByteWriter out;
  out.U8(kVersion);
  out.U64(summary.start.value());
  out.U64(summary.end.value());
  out.U64(summary.previous_record.value());
  out.U64(summary.last_record.value());
  out.U8(FlagsOf(summary.changes));
  out.Varint(summary.changes.tablespaces().size());
  for (const pg::Oid tablespace : summary.changes.tablespaces()) out.Varint(tablespace);
  out.Varint(summary.changes.databases().size());
  for (const pg::DatabaseId& database : summary.changes.databases()) {
    out.Varint(database.tablespace);
    out.Varint(database.database);
  }
  out.Varint(summary.changes.forks().size());
  for (const auto& [fork, changes] : summary.changes.forks()) EncodeFork(fork, changes, out);
  return out.Take();
}

Summary DecodeSummary(base::ByteView bytes) {
  base::ByteReader in(bytes, kWhat);
  if (in.U8() != kVersion) ThrowCorrupt("is of a version that this program does not know");
  Summary summary;
  summary.start = pg::Lsn(in.U64());
  summary.end = pg::Lsn(in.U64());
  summary.previous_record = pg::Lsn(in.U64());
  summary.last_record = pg::Lsn(in.U64());
  if (summary.end < summary.start) ThrowCorrupt("ends before it begins");
  SetFlags(in.U8(), summary.changes);
  for (std::uint64_t left = in.Varint(); left > 0; --left) {
    summary.changes.RenewTablespace(ReadOid(in));
  }
  for (std::uint64_t left = in.Varint(); left > 0; --left) {
    const pg::Oid tablespace = ReadOid(in);
    summary.changes.RenewDatabase({.tablespace = tablespace, .database = ReadOid(in)});
  }
  for (std::uint64_t left = in.Varint(); left > 0; --left) DecodeFork(in, summary.changes);
  in.ExpectEnd();
  return summary;
}

std::optional<Summary> Summarise(base::ByteView bytes, const PreviousSegment& previous) {
  const SegmentHeader header = ReadSegmentHeader(bytes, "the segment");
  std::optional<pg::WalCarry> carry;
  Summary summary;
  if (NeedsPrevious(bytes)) {
    carry = CarryInto(header, previous);
    summary.start = carry ? carry->record_start : pg::Lsn(~std::uint64_t{0});
  } else {
    summary.start = header.address;
  }
  pg::WalReader reader = carry ? pg::WalReader(ReaderOptions(header, header.address), *carry)
                               : pg::WalReader(ReaderOptions(header, header.address));
  NoteRecords(reader, bytes, header.version, summary);
  if (!summary.end.IsValid()) return std::nullopt;
  return summary;
}

}  // namespace holdfast::wal
