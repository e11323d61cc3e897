#include "pg/block_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace holdfast::pg {

namespace {

// Of a record's info: it changes files in ways that its blocks do not name.
constexpr std::uint8_t kSpecialUpdate = 0x01;

constexpr std::uint8_t kXlogParameterChange = 0x60;
constexpr std::uint8_t kXlogFullPageWrites = 0x80;
constexpr std::uint8_t kXlogCheckpointRedo = 0xE0;  // from 17 on
constexpr std::uint32_t kWalLevelMinimal = 0;

constexpr std::uint8_t kStorageCreate = 0x10;
constexpr std::uint8_t kStorageTruncate = 0x20;
constexpr std::uint32_t kTruncatesHeap = 0x1;

// From 15 on a database is copied in one of two ways, and dropping took another number.
constexpr std::uint8_t kDatabaseCopyFiles = 0x00;
constexpr std::uint8_t kDatabaseDropTo14 = 0x10;
constexpr std::uint8_t kDatabaseCopyLogged = 0x10;
constexpr std::uint8_t kDatabaseDrop = 0x20;

constexpr std::uint8_t kTransactionHasInfo = 0x80;
constexpr std::uint32_t kHasDatabase = 1U << 0;
constexpr std::uint32_t kHasSubtransactions = 1U << 1;
constexpr std::uint32_t kHasDroppedRelations = 1U << 2;

constexpr std::array kAllForks = {Fork::kMain, Fork::kFsm, Fork::kVm, Fork::kInit};

RelationId ReadRelation(base::ByteReader& in) {
  const Oid tablespace = in.U32();
  const Oid database = in.U32();
  return {.tablespace = tablespace, .database = database, .number = in.U32()};
}

// Takes what the records say beyond the blocks they name.
class Interpreter {
 public:
  Interpreter(BlockChanges& changes, const WalRecord& record, MajorVersion version)
      : changes_(changes),
        record_(record),
        version_(version),
        in_(record.main_data, "the WAL record's data") {}

  void Run() {
    switch (record_.header.resource_manager) {
      case ResourceManager::kXlog:
        return Xlog();
      case ResourceManager::kStorage:
        return Storage();
      case ResourceManager::kDatabase:
        return Database();
      case ResourceManager::kTablespace:
        return changes_.RenewTablespace(in_.U32());  // made or dropped
      case ResourceManager::kTransaction:
        return Transaction();
      default:
        return Other();
    }
  }

 private:
  void Xlog() {
    if (const auto checkpoint = ReadCheckpointRecord(record_)) {
      if (!checkpoint->full_page_writes) changes_.set_pages_unprotected();
      return;
    }
    switch (record_.kind()) {
      case kXlogParameterChange:
        // Connections, workers, senders, prepared transactions, locks.
        in_.Raw(5 * sizeof(std::int32_t));
        WalLevel(in_.U32());
        if (in_.U8() == 0) changes_.set_hints_unlogged();
        return;
      case kXlogCheckpointRedo:
        return WalLevel(in_.U32());
      case kXlogFullPageWrites:
        if (in_.U8() == 0) changes_.set_pages_unprotected();
        return;
      default:
        return UnknownIfSpecial();
    }
  }

  void WalLevel(std::uint32_t level) {
    if (level == kWalLevelMinimal) changes_.Doubt(ChangeDoubt::kMinimalWal);
  }

  void Storage() {
    if (record_.kind() == kStorageCreate) {
      const RelationId relation = ReadRelation(in_);
      return RenewFrom(relation, ReadFork(), 0);
    }
    if (record_.kind() == kStorageTruncate) {
      const BlockNumber block = in_.U32();
      const RelationId relation = ReadRelation(in_);
      // The length is the heap's; that of the maps follows from it, and they are compared anyway.
      if ((in_.U32() & kTruncatesHeap) != 0) RenewFrom(relation, Fork::kMain, block);
      return;
    }
    UnknownIfSpecial();
  }

  Fork ReadFork() {
    const std::uint32_t fork = in_.U32();
    if (fork > static_cast<std::uint32_t>(Fork::kInit)) {
      throw base::Error(base::ErrorKind::kCorrupt, "a WAL record makes an unknown fork");
    }
    return static_cast<Fork>(fork);
  }

  void RenewFrom(const RelationId& relation, Fork fork, BlockNumber block) {
    changes_.At({relation, fork}).RenewFrom(block);
  }

  void Database() {
    const bool to_14 = version_.number() < 15;
    const std::uint8_t kind = record_.kind();
    if (kind == (to_14 ? kDatabaseDropTo14 : kDatabaseDrop)) {
      const Oid database = in_.U32();
      for (std::uint32_t left = in_.U32(); left > 0; --left) {
        changes_.RenewDatabase({.tablespace = in_.U32(), .database = database});
      }
      return;
    }
    if (kind == kDatabaseCopyFiles || (!to_14 && kind == kDatabaseCopyLogged)) {
      const Oid database = in_.U32();
      return changes_.RenewDatabase({.tablespace = in_.U32(), .database = database});
    }
    changes_.Doubt(ChangeDoubt::kUnknownRecord);
  }

  // Relations that a transaction dropped, or made and gave up.
  void Transaction() {
    if (!EndsTransaction(record_.header)) return UnknownIfSpecial();
    if ((record_.header.info & kTransactionHasInfo) == 0) return;
    in_.U64();  // when it ended
    const std::uint32_t parts = in_.U32();
    if ((parts & kHasDatabase) != 0) in_.Raw(2 * sizeof(Oid));
    if ((parts & kHasSubtransactions) != 0) in_.Raw(std::size_t{in_.U32()} * sizeof(TransactionId));
    if ((parts & kHasDroppedRelations) == 0) return;
    for (std::uint32_t left = in_.U32(); left > 0; --left) {
      const RelationId relation = ReadRelation(in_);
      for (const Fork fork : kAllForks) RenewFrom(relation, fork, 0);
    }
  }

  void Other() {
    if (record_.header.resource_manager >= ResourceManager::kFirstCustom) {
      changes_.Doubt(ChangeDoubt::kExtensionRecord);
    }
    UnknownIfSpecial();
  }

  void UnknownIfSpecial() {
    if ((record_.header.info & kSpecialUpdate) != 0) changes_.Doubt(ChangeDoubt::kUnknownRecord);
  }

  BlockChanges& changes_;
  const WalRecord& record_;
  MajorVersion version_;
  base::ByteReader in_;
};

}  // namespace

std::string_view ChangeDoubtText(ChangeDoubt doubt) {
  switch (doubt) {
    case ChangeDoubt::kMinimalWal:
      return "the server ran with wal_level = minimal";
    case ChangeDoubt::kUnknownRecord:
      return "the WAL has records of an unknown kind";
    case ChangeDoubt::kExtensionRecord:
      return "the WAL has records of an extension";
  }
  return "";
}

void ForkChanges::RenewFrom(BlockNumber block) {
  renewed_from = renewed_from ? std::min(*renewed_from, block) : block;
}

void BlockChanges::Note(const WalRecord& record, MajorVersion version) {
  Interpreter(*this, record, version).Run();
  for (const BlockReference& block : record.blocks) {
    forks_[{block.relation, block.fork}].blocks.Add(block.block);
  }
}

void BlockChanges::Unite(const BlockChanges& other) {
  for (const auto& [fork, changes] : other.forks_) {
    ForkChanges& mine = forks_[fork];
    mine.blocks.Unite(changes.blocks);
    if (changes.renewed_from) mine.RenewFrom(*changes.renewed_from);
  }
  databases_.insert(other.databases_.begin(), other.databases_.end());
  tablespaces_.insert(other.tablespaces_.begin(), other.tablespaces_.end());
  doubts_.insert(other.doubts_.begin(), other.doubts_.end());
  hints_unlogged_ = hints_unlogged_ || other.hints_unlogged_;
  pages_unprotected_ = pages_unprotected_ || other.pages_unprotected_;
}

const ForkChanges* BlockChanges::Find(const RelationFork& fork) const {
  const auto found = forks_.find(fork);
  return found == forks_.end() ? nullptr : &found->second;
}

bool BlockChanges::IsRenewed(const DatabaseId& database) const {
  return tablespaces_.contains(database.tablespace) || databases_.contains(database);
}

}  // namespace holdfast::pg
