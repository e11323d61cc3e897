// An archive in memory, and WAL to put into it.
#pragma once

#include <memory>
#include <random>
#include <string>

#include "base/testing/manual_clock.h"
#include "pg/wal_page.h"
#include "repo/blob.h"
#include "repo/repository.h"
#include "storage/memory_storage.h"
#include "storage/testing/faulty_storage.h"
#include "wal/archive.h"

namespace holdfast::wal {

inline constexpr pg::SystemIdentifier kSystem{7301234567890123456};
inline const pg::SegmentSize kSmall = pg::SegmentSize::FromBytes(base::kMiB);
inline constexpr std::uint32_t kSmallBytes = 1024 * 1024;

inline std::string Name(std::uint32_t timeline, std::uint64_t segment) {
  return pg::FormatSegmentName(pg::TimelineId(timeline), pg::SegmentNumber(segment), kSmall);
}
inline pg::Lsn At(std::uint64_t segment, std::uint64_t offset = 0) {
  return pg::SegmentStart(pg::SegmentNumber(segment), kSmall) + offset;
}

// Pages that look like WAL from `start` (of a page) on, filled with noise that depends on `seed`.
inline base::Bytes MakePages(pg::TimelineId timeline, pg::Lsn start, std::size_t bytes,
                             std::uint64_t seed) {
  base::Bytes out;
  while (out.size() < bytes) {
    const pg::Lsn address = start + out.size();
    std::mt19937_64 noise(seed * 1000003 + address.value());
    const bool first = address.value() % kSmallBytes == 0;
    base::ByteWriter page;
    page.U16(0xD110);  // PostgreSQL 15
    page.U16(first ? 2 : 0);
    page.U32(timeline.value());
    page.U64(address.value());
    page.U64(0);
    if (first) {
      page.U64(kSystem.value());
      page.U32(kSmallBytes);
      page.U32(8192);
    }
    while (page.size() < pg::kWalPageSize) page.U64(noise());
    out.insert(out.end(), page.view().begin(), page.view().end());
  }
  out.resize(bytes);
  return out;
}

inline base::Bytes MakeSegment(std::uint32_t timeline, std::uint64_t segment,
                               std::uint64_t seed = 1) {
  return MakePages(pg::TimelineId(timeline), At(segment), kSmallBytes, seed);
}

// A repository in memory whose storage fails on demand.
struct ArchiveFixture {
  base::ManualClock clock;
  std::shared_ptr<storage::FaultyStorage> storage =
      std::make_shared<storage::FaultyStorage>(std::make_shared<storage::MemoryStorage>(clock));
  repo::Repository repository = repo::Repository::Create(
      storage, clock, repo::Passphrase{"test"},
      {.key_label = "test", .password_cost = {.operations = 1, .memory_bytes = 8192}});
  Archive archive{repository, "shop"};

  // As an object of this repository, which no other can open.
  base::Bytes Seal(base::ByteView contents) const {
    return repo::SealBlob(repository.keyring(), repo::PackKind::kWal, contents, {});
  }
  // The same repository, as a host opens it that may only add.
  repo::Repository AddOnly() {
    const repo::KeyFile key = repo::KeyFile::Generate();
    (void)repository.AddKey(key, {}, repo::KeyAccess::kAddOnly);
    return repo::Repository::Open(storage, clock, key);
  }
  std::size_t CountObjects(std::string_view prefix) {
    return storage::ListAll(*storage, prefix).size();
  }
};

}  // namespace holdfast::wal
