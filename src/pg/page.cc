#include "pg/page.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/error.h"

namespace holdfast::pg {

namespace {

// The checksum treats the page as rows of 32 words; each column is hashed on its own by a variant
// of FNV-1a, so that all columns advance at once in vector registers, and the columns are folded.
constexpr std::size_t kColumns = 32;
constexpr std::size_t kRowBytes = kColumns * sizeof(std::uint32_t);
constexpr std::size_t kRows = kPageSize / kRowBytes;
constexpr std::uint32_t kFnvPrime = 16777619;

// Part of a row: one AVX2 register, two of the 16-byte registers that every other machine has.
constexpr std::size_t kLanes = 8;
using Lane = std::uint32_t __attribute__((vector_size(kLanes * sizeof(std::uint32_t))));
constexpr std::size_t kLanesPerRow = kColumns / kLanes;
using Row = std::array<Lane, kLanesPerRow>;

constexpr std::array<std::uint32_t, kColumns> kColumnSeeds = {
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};

constexpr std::size_t kChecksumOffset = 8;
constexpr std::uint16_t kKnownFlags = 0x0007;
constexpr std::uint8_t kLayoutVersion = 4;

[[gnu::always_inline]] inline void Mix(Row& sums, const Row& words) {
  for (std::size_t i = 0; i < kLanesPerRow; ++i) {
    const Lane mixed = sums[i] ^ words[i];
    sums[i] = mixed * kFnvPrime ^ mixed >> 17;
  }
}

[[gnu::always_inline]] inline std::uint32_t HashPage(const std::uint8_t* page) {
  Row sums;
  Row words;
  std::memcpy(&sums, kColumnSeeds.data(), kRowBytes);
  std::memcpy(&words, page, kRowBytes);
  std::memset(reinterpret_cast<std::uint8_t*>(&words) + kChecksumOffset, 0, sizeof(std::uint16_t));
  Mix(sums, words);
  for (std::size_t row = 1; row < kRows; ++row) {
    std::memcpy(&words, page + row * kRowBytes, kRowBytes);
    Mix(sums, words);
  }
  words = Row{};
  Mix(sums, words);  // two rounds of zeros mix the last row's high bits down
  Mix(sums, words);
  std::uint32_t hash = 0;
  for (const Lane& lane : sums) {
    for (std::size_t i = 0; i < kLanes; ++i) hash ^= lane[i];
  }
  return hash;
}

#if defined(__x86_64__)
// The baseline x86-64 has no packed 32-bit multiplication; with AVX2 the hash is several times
// faster, and every server of the last ten years has it.
[[gnu::target("avx2")]] std::uint32_t HashPageAvx2(const std::uint8_t* page) {
  return HashPage(page);
}
std::uint32_t HashPageBest(const std::uint8_t* page) {
  static const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;
  return kHasAvx2 ? HashPageAvx2(page) : HashPage(page);
}
#else
std::uint32_t HashPageBest(const std::uint8_t* page) { return HashPage(page); }
#endif

void RequireWholePage(base::ByteView page) {
  if (page.size() != kPageSize) {
    throw base::Error(base::ErrorKind::kInternal,
                      fmt::format("a page of {} bytes was passed", page.size()));
  }
}

bool HeaderIsPlausible(const PageHeader& header) {
  return (header.flags & ~kKnownFlags) == 0 && header.lower >= kPageHeaderSize &&
         header.lower <= header.upper && header.upper <= header.special &&
         header.special <= kPageSize && header.special % 8 == 0 && header.page_size == kPageSize &&
         header.layout_version == kLayoutVersion;
}

}  // namespace

void RequireSupportedPageSize(std::uint32_t bytes) {
  if (bytes == kPageSize) return;
  throw base::Error(
      base::ErrorKind::kUsage,
      fmt::format("the cluster was built with pages of {} bytes, which is not supported", bytes),
      {fmt::format("only the default page size of {} bytes is supported", kPageSize)});
}

PageHeader ParsePageHeader(base::ByteView page) {
  base::ByteReader in(page, "the page header");
  PageHeader header;
  header.lsn = PageLsn(in.Raw(8));
  header.checksum = in.U16();
  header.flags = in.U16();
  header.lower = in.U16();
  header.upper = in.U16();
  header.special = in.U16();
  const std::uint16_t size_and_version = in.U16();
  header.page_size = size_and_version & 0xFF00;
  header.layout_version = static_cast<std::uint8_t>(size_and_version & 0xFF);
  in.Raw(4);  // oldest prunable transaction
  return header;
}

Lsn PageLsn(base::ByteView page) {
  base::ByteReader in(page, "the page header");
  const std::uint64_t high = in.U32();  // the high half comes first, whatever the byte order
  return Lsn(high << 32 | in.U32());
}

std::uint16_t PageChecksum(base::ByteView page, BlockNumber block) {
  RequireWholePage(page);
  return static_cast<std::uint16_t>((HashPageBest(page.data()) ^ block) % 65535 + 1);
}

PageState VerifyPage(base::ByteView page, BlockNumber block, PageChecksums checksums) {
  RequireWholePage(page);
  const PageHeader header = ParsePageHeader(page);
  if (header.upper == 0 && base::AllZero(page)) return PageState::kZero;
  if (!HeaderIsPlausible(header)) return PageState::kBadHeader;
  if (checksums == PageChecksums::kOn && PageChecksum(page, block) != header.checksum) {
    return PageState::kBadChecksum;
  }
  return PageState::kOk;
}

}  // namespace holdfast::pg
