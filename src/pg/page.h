// One page of a relation file: its header, its checksum, and whether it is sound.
//
// Only the default page size of 8 KiB on little-endian machines; RequireSupportedPageSize refuses
// clusters built otherwise, by name. Source: src/include/storage/bufpage.h and the description of
// the checksum in storage/checksum_impl.h (unchanged from 9.3 to 18).
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "pg/lsn.h"

namespace holdfast::pg {

inline constexpr std::size_t kPageSize = 8192;
inline constexpr std::size_t kPageHeaderSize = 24;

// Throws Error(kUsage) for a cluster compiled with another page size.
void RequireSupportedPageSize(std::uint32_t bytes);

struct PageHeader {
  Lsn lsn;  // end of the last WAL record that changed the page
  std::uint16_t checksum = 0;
  std::uint16_t flags = 0;
  std::uint16_t lower = 0;    // start of the free space
  std::uint16_t upper = 0;    // end of the free space; 0 on a page never written
  std::uint16_t special = 0;  // start of the index's own space
  std::uint16_t page_size = 0;
  std::uint8_t layout_version = 0;
};

// `page` holds at least kPageHeaderSize bytes, else Error(kCorrupt).
PageHeader ParsePageHeader(base::ByteView page);
// The header's LSN alone.
Lsn PageLsn(base::ByteView page);

// The checksum PostgreSQL stores in a page at `block`, counted over all segments of the fork.
// `page` is exactly kPageSize bytes (else Error(kInternal)), of any alignment; its own checksum
// field does not count. Never 0.
std::uint16_t PageChecksum(base::ByteView page, BlockNumber block);

enum class PageState {
  kOk,
  kZero,         // all zero: added to the file and not yet written, valid
  kBadChecksum,  // the header is plausible and the checksum differs
  kBadHeader,    // no page: impossible pointers, flags, size or version
};

enum class PageChecksums { kOff, kOn };

// A torn read of a live file looks like kBadChecksum or kBadHeader as well: read again before
// calling it damage. kBadChecksum only with kOn. `page` as in PageChecksum.
PageState VerifyPage(base::ByteView page, BlockNumber block, PageChecksums checksums);

}  // namespace holdfast::pg
