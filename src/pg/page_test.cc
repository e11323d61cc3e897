#include "pg/page.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "pg/testing/test_data.h"

namespace holdfast::pg {
namespace {

// Pages of a PostgreSQL 15 cluster with checksums.
base::Bytes HeapPage() { return ReadTestData("heap_page_block3.bin"); }
base::Bytes IndexPage() { return ReadTestData("btree_page_block1.bin"); }

TEST(Page, HeaderIsReadAsTheServerLaysItOut) {
  const PageHeader header = ParsePageHeader(HeapPage());
  EXPECT_EQ(header.page_size, kPageSize);
  EXPECT_EQ(header.layout_version, 4);
  EXPECT_EQ(header.special, kPageSize);
  EXPECT_GT(header.upper, header.lower);
  EXPECT_EQ(header.lsn.value() >> 32, 0U);
  EXPECT_GT(header.lsn, Lsn(0x1000000));
  EXPECT_EQ(header.lsn, PageLsn(HeapPage()));
}

TEST(Page, LsnHasItsHighHalfFirst) {
  const base::Bytes page = {0x16, 0, 0, 0, 0x48, 0xD8, 0x74, 0xB3};
  EXPECT_EQ(PageLsn(page), Lsn(0x16B374D848));
}

TEST(Page, ChecksumAgreesWithTheServers) {
  EXPECT_EQ(PageChecksum(HeapPage(), 3), ParsePageHeader(HeapPage()).checksum);
  EXPECT_EQ(PageChecksum(IndexPage(), 1), ParsePageHeader(IndexPage()).checksum);
  EXPECT_EQ(VerifyPage(HeapPage(), 3, PageChecksums::kOn), PageState::kOk);
  EXPECT_EQ(VerifyPage(IndexPage(), 1, PageChecksums::kOn), PageState::kOk);
}

TEST(Page, ChecksumDependsOnTheBlockNumber) {
  EXPECT_EQ(VerifyPage(HeapPage(), 4, PageChecksums::kOn), PageState::kBadChecksum);
  EXPECT_EQ(VerifyPage(HeapPage(), 131072 + 3, PageChecksums::kOn), PageState::kBadChecksum);
  EXPECT_EQ(VerifyPage(HeapPage(), 4, PageChecksums::kOff), PageState::kOk);
}

TEST(Page, ChecksumDoesNotDependOnAlignment) {
  base::Bytes shifted(1);
  const base::Bytes page = HeapPage();
  shifted.insert(shifted.end(), page.begin(), page.end());
  EXPECT_EQ(PageChecksum(base::ByteView(shifted).subspan(1), 3), PageChecksum(page, 3));
}

TEST(Page, EveryFlippedByteOfTheBodyIsFound) {
  base::Bytes page = HeapPage();
  for (std::size_t i = kPageHeaderSize; i < kPageSize; ++i) {
    page[i] ^= 0x10;
    ASSERT_EQ(VerifyPage(page, 3, PageChecksums::kOn), PageState::kBadChecksum) << i;
    page[i] ^= 0x10;
  }
}

TEST(Page, AllZeroIsValidAndAlmostZeroIsNot) {
  base::Bytes page(kPageSize);
  EXPECT_EQ(VerifyPage(page, 7, PageChecksums::kOn), PageState::kZero);
  page.back() = 1;
  EXPECT_EQ(VerifyPage(page, 7, PageChecksums::kOn), PageState::kBadHeader);
}

TEST(Page, ImpossibleHeadersAreRefusedEvenWithoutChecksums) {
  const auto with = [](std::size_t offset, std::uint8_t value) {
    base::Bytes page = HeapPage();
    page[offset] = value;
    return VerifyPage(page, 3, PageChecksums::kOff);
  };
  EXPECT_EQ(with(11, 0x80), PageState::kBadHeader);  // unknown flag
  EXPECT_EQ(with(12, 3), PageState::kOk);            // still a plausible pointer
  EXPECT_EQ(with(13, 0x7F), PageState::kBadHeader);  // lower past upper
  EXPECT_EQ(with(17, 0x21), PageState::kBadHeader);  // special past the page
  EXPECT_EQ(with(18, 3), PageState::kBadHeader);     // layout version
  EXPECT_EQ(with(19, 0x40), PageState::kBadHeader);  // page size
}

TEST(Page, OtherPageSizesAreRefusedByName) {
  EXPECT_NO_THROW(RequireSupportedPageSize(8192));
  EXPECT_THROW(RequireSupportedPageSize(32768), base::Error);
  EXPECT_THROW(PageChecksum(base::Bytes(4096), 0), base::Error);
}

}  // namespace
}  // namespace holdfast::pg
