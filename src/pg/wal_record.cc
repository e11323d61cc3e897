#include "pg/wal_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "pg/crc32c.h"
#include "pg/page.h"
#include "pg/time.h"

namespace holdfast::pg {

namespace {

constexpr std::string_view kWhat = "the WAL record";
constexpr std::size_t kCrcOffset = 20;

constexpr std::uint8_t kMaxBlockId = 32;
constexpr std::uint8_t kTopLevelXidId = 252;
constexpr std::uint8_t kOriginId = 253;
constexpr std::uint8_t kLongDataId = 254;
constexpr std::uint8_t kShortDataId = 255;

// Block header flags; the low half is the fork.
constexpr std::uint8_t kForkMask = 0x0F;
constexpr std::uint8_t kHasImage = 0x10;
constexpr std::uint8_t kHasData = 0x20;
constexpr std::uint8_t kWillInitialise = 0x40;
constexpr std::uint8_t kSameRelation = 0x80;

constexpr std::uint8_t kImageHasHole = 0x01;
struct ImageFlags {
  std::uint8_t applied;
  std::uint8_t compressed;
};
constexpr ImageFlags kImageFlagsTo14 = {.applied = 0x04, .compressed = 0x02};
constexpr ImageFlags kImageFlagsFrom15 = {.applied = 0x02, .compressed = 0x04 | 0x08 | 0x10};

constexpr std::uint8_t kXlogCheckpointShutdown = 0x00;
constexpr std::uint8_t kXlogCheckpointOnline = 0x10;
constexpr std::uint8_t kXlogSwitch = 0x40;
constexpr std::uint8_t kXlogBackupEnd = 0x50;
constexpr std::uint8_t kXlogRestorePoint = 0x70;
constexpr std::uint8_t kXlogOverwriteContrecord = 0xD0;

constexpr std::uint8_t kTransactionKindMask = 0x70;
constexpr std::uint8_t kCommit = 0x00;
constexpr std::uint8_t kAbort = 0x20;
constexpr std::uint8_t kCommitPrepared = 0x30;
constexpr std::uint8_t kAbortPrepared = 0x40;

constexpr std::size_t kRestorePointNameSize = 64;

[[noreturn]] void ThrowCorrupt(std::string_view problem) {
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("{} {}", kWhat, problem));
}

// Reads the headers that precede the data, then hands out the data in the same order.
class Decoder {
 public:
  Decoder(base::ByteView body, MajorVersion version, WalRecord& record)
      : in_(body, kWhat), version_(version), record_(record) {}

  void Run() {
    record_.blocks.clear();
    // The main data's header, if there is any, is the last.
    while (in_.remaining() > data_length_ && !main_data_seen_) ReadOneHeader();
    if (in_.remaining() != data_length_) ThrowCorrupt("has parts that do not add up to its length");
    for (BlockReference& block : record_.blocks) {
      block.image = in_.Raw(lengths_[block.id].image);
      block.data = in_.Raw(lengths_[block.id].data);
    }
    record_.main_data = in_.Raw(main_data_length_);
  }

 private:
  struct Lengths {
    std::size_t image = 0;
    std::size_t data = 0;
  };

  void ReadOneHeader() {
    const std::uint8_t id = in_.U8();
    switch (id) {
      case kShortDataId:
        return MainData(in_.U8());
      case kLongDataId:
        return MainData(in_.U32());
      case kOriginId:
        in_.U16();
        return;
      case kTopLevelXidId:
        if (version_.number() < 14) ThrowCorrupt("has a part of a later version");
        in_.U32();
        return;
      default:
        return ReadBlock(id);
    }
  }

  void MainData(std::uint32_t length) {
    main_data_seen_ = true;
    main_data_length_ = length;
    data_length_ += length;
  }

  void ReadBlock(std::uint8_t id) {
    if (id > kMaxBlockId) ThrowCorrupt(fmt::format("has an unknown part {}", id));
    if (!record_.blocks.empty() && id <= record_.blocks.back().id) {
      ThrowCorrupt("has block references out of order");
    }
    BlockReference block;
    block.id = id;
    const std::uint8_t flags = in_.U8();
    block.will_initialise = (flags & kWillInitialise) != 0;
    block.has_image = (flags & kHasImage) != 0;
    block.fork = ToFork(flags & kForkMask);
    lengths_[id] = {.image = 0, .data = in_.U16()};
    if (((flags & kHasData) != 0) != (lengths_[id].data != 0)) {
      ThrowCorrupt("contradicts itself about a block's data");
    }
    if (block.has_image) ReadImageHeader(block);
    block.relation = (flags & kSameRelation) != 0 ? LastRelation() : ReadRelation();
    block.block = in_.U32();
    data_length_ += lengths_[id].image + lengths_[id].data;
    record_.blocks.push_back(block);
  }

  void ReadImageHeader(BlockReference& block) {
    const ImageFlags& flags = version_.number() < 15 ? kImageFlagsTo14 : kImageFlagsFrom15;
    const std::size_t length = in_.U16();
    in_.U16();  // where the hole starts
    const std::uint8_t info = in_.U8();
    block.image_is_applied = (info & flags.applied) != 0;
    if ((info & flags.compressed) != 0 && (info & kImageHasHole) != 0) in_.U16();  // its length
    if (length > kPageSize) ThrowCorrupt("has an image larger than a page");
    lengths_[block.id].image = length;
  }

  RelationId ReadRelation() {
    const Oid tablespace = in_.U32();
    const Oid database = in_.U32();
    return {.tablespace = tablespace, .database = database, .number = in_.U32()};
  }

  RelationId LastRelation() const {
    if (record_.blocks.empty()) ThrowCorrupt("refers to the relation of a block it does not have");
    return record_.blocks.back().relation;
  }

  static Fork ToFork(int number) {
    if (number > static_cast<int>(Fork::kInit)) ThrowCorrupt("names an unknown fork");
    return static_cast<Fork>(number);
  }

  base::ByteReader in_;
  MajorVersion version_;
  WalRecord& record_;
  std::array<Lengths, kMaxBlockId + 1> lengths_{};
  std::size_t data_length_ = 0;
  std::size_t main_data_length_ = 0;
  bool main_data_seen_ = false;
};

bool IsXlog(const WalRecordHeader& header, std::uint8_t kind) {
  return header.resource_manager == ResourceManager::kXlog && (header.info & 0xF0) == kind;
}

base::Time ReadTime(base::ByteReader& in) {
  return FromTimestampTz(static_cast<std::int64_t>(in.U64()));
}

}  // namespace

bool IsKnownResourceManager(ResourceManager manager, MajorVersion version) {
  return manager <= ResourceManager::kLogicalMessage ||
         (version.number() >= 15 && manager >= ResourceManager::kFirstCustom);
}

WalRecordHeader ParseWalRecordHeader(base::ByteView bytes) {
  base::ByteReader in(bytes, "the WAL record header");
  WalRecordHeader header;
  header.total_length = in.U32();
  header.xid = in.U32();
  header.previous = Lsn(in.U64());
  header.info = in.U8();
  header.resource_manager = static_cast<ResourceManager>(in.U8());
  in.Raw(2);  // padding
  header.crc = in.U32();
  return header;
}

void DecodeWalRecord(base::ByteView bytes, MajorVersion version, WalRecord& record) {
  record.header = ParseWalRecordHeader(bytes);
  Decoder(bytes.subspan(kWalRecordHeaderSize), version, record).Run();
}

bool WalRecordCrcIsRight(base::ByteView bytes) {
  const WalRecordHeader header = ParseWalRecordHeader(bytes);
  Crc32c crc;
  crc.Extend(bytes.subspan(kWalRecordHeaderSize));  // the header comes last: it is filled in last
  crc.Extend(bytes.first(kCrcOffset));
  return crc.value() == header.crc;
}

bool IsSegmentSwitch(const WalRecordHeader& header) { return IsXlog(header, kXlogSwitch); }

bool EndsTransaction(const WalRecordHeader& header) {
  if (header.resource_manager != ResourceManager::kTransaction) return false;
  const auto kind = static_cast<std::uint8_t>(header.info & kTransactionKindMask);
  constexpr std::array<std::uint8_t, 4> kEnds = {kCommit, kAbort, kCommitPrepared, kAbortPrepared};
  return std::ranges::count(kEnds, kind) != 0;
}

std::optional<base::Time> CommitTime(const WalRecord& record) {
  if (!EndsTransaction(record.header)) return std::nullopt;
  base::ByteReader in(record.main_data, "the commit record");
  return ReadTime(in);
}

std::optional<RestorePoint> ReadRestorePoint(const WalRecord& record) {
  if (!IsXlog(record.header, kXlogRestorePoint)) return std::nullopt;
  base::ByteReader in(record.main_data, "the restore point record");
  const base::Time time = ReadTime(in);
  const std::string_view name = base::AsText(in.Raw(kRestorePointNameSize));
  return RestorePoint{.name = std::string(name.substr(0, name.find('\0'))), .time = time};
}

std::optional<Checkpoint> ReadCheckpointRecord(const WalRecord& record) {
  if (!IsXlog(record.header, kXlogCheckpointOnline) &&
      !IsXlog(record.header, kXlogCheckpointShutdown)) {
    return std::nullopt;
  }
  base::ByteReader in(record.main_data, "the checkpoint record");
  return ReadCheckpoint(in);
}

std::optional<Lsn> ReadAbandonedRecord(const WalRecord& record) {
  if (!IsXlog(record.header, kXlogOverwriteContrecord)) return std::nullopt;
  base::ByteReader in(record.main_data, "the overwrite record");
  return Lsn(in.U64());
}

std::optional<Lsn> ReadBackupEnd(const WalRecord& record) {
  if (!IsXlog(record.header, kXlogBackupEnd)) return std::nullopt;
  base::ByteReader in(record.main_data, "the end-of-backup record");
  return Lsn(in.U64());
}

}  // namespace holdfast::pg
