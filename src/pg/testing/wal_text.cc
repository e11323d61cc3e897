#include "pg/testing/wal_text.h"

#include <fmt/format.h>

#include <array>

namespace holdfast::pg {

namespace {

constexpr std::array<std::string_view, 22> kNames = {
    "XLOG",       "Transaction",   "Storage", "CLOG",     "Database",
    "Tablespace", "MultiXact",     "RelMap",  "Standby",  "Heap2",
    "Heap",       "Btree",         "Hash",    "Gin",      "Gist",
    "Sequence",   "SPGist",        "BRIN",    "CommitTs", "ReplicationOrigin",
    "Generic",    "LogicalMessage"};

}  // namespace

std::string WalRecordLine(const WalRecord& record) {
  const WalRecordHeader& header = record.header;
  std::string line =
      fmt::format("{} prev {} {} tx {} len {}", FormatLsn(record.start), FormatLsn(header.previous),
                  kNames.at(static_cast<std::size_t>(header.resource_manager)), header.xid,
                  header.total_length);
  for (const BlockReference& block : record.blocks) {
    line += fmt::format(" | {}/{}/{} {} {}", block.relation.tablespace, block.relation.database,
                        block.relation.number, ForkName(block.fork), block.block);
    if (block.has_image) line += block.image_is_applied ? " FPW" : " FPW for WAL verification";
  }
  return line;
}

}  // namespace holdfast::pg
