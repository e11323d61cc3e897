#include "pg/wal_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.h"
#include "pg/testing/test_data.h"
#include "pg/testing/wal_builder.h"
#include "pg/testing/wal_text.h"

namespace holdfast::pg {
namespace {

constexpr std::uint8_t kNoop = 0x20;

WalReaderOptions OptionsFor(const WalBuilder& builder) {
  return {.version = MajorVersion::FromNumber(15),
          .segment_size = SegmentSize::FromBytes(base::kMiB),
          .start = builder.start(),
          .system_identifier = SystemIdentifier(77)};
}

// Start and contents of every record found, and how WAL ended.
struct Found {
  std::vector<std::pair<Lsn, base::Bytes>> records;
  std::optional<WalEnd> end;
};

void Drain(WalReader& reader, Found& found) {
  while (const WalRecord* record = reader.Next()) {
    found.records.emplace_back(record->start,
                               base::Bytes(record->main_data.begin(), record->main_data.end()));
  }
  found.end = reader.end();
}

Found ReadAll(const WalReaderOptions& options, base::ByteView bytes) {
  WalReader reader(options);
  Found found;
  reader.Feed(bytes);
  Drain(reader, found);
  return found;
}

Lsn Add(WalBuilder& builder, std::size_t size, std::uint8_t fill = 1) {
  return builder.MainDataRecord(ResourceManager::kXlog, kNoop, base::Bytes(size, fill));
}

class WalOf : public testing::TestWithParam<std::uint32_t> {};

// The text is what pg_waldump of the same version says.
TEST_P(WalOf, IsReadAsTheServersOwnToolReadsIt) {
  const base::Bytes bytes = ReadTestData(fmt::format("wal_{}", GetParam()));
  WalReader reader({.version = MajorVersion::FromNumber(GetParam()),
                    .segment_size = SegmentSize::FromBytes(base::kMiB),
                    .start = ParseWalPageHeader(bytes).address});
  reader.Feed(bytes);
  std::string text;
  while (const WalRecord* record = reader.Next()) text += WalRecordLine(*record) + "\n";
  EXPECT_FALSE(reader.end());
  EXPECT_EQ(text, base::AsText(ReadTestData(fmt::format("wal_{}.txt", GetParam()))));
}

TEST_P(WalOf, IsNotReadAsAnotherVersions) {
  const base::Bytes bytes = ReadTestData(fmt::format("wal_{}", GetParam()));
  WalReader reader({.version = MajorVersion::FromNumber(16),
                    .segment_size = SegmentSize::FromBytes(base::kMiB),
                    .start = ParseWalPageHeader(bytes).address});
  reader.Feed(bytes);
  EXPECT_EQ(reader.Next(), nullptr);
  ASSERT_TRUE(reader.end());
  EXPECT_EQ(reader.end()->reason, WalEndReason::kBadPage);
}

INSTANTIATE_TEST_SUITE_P(Majors, WalOf, testing::Values(13, 15, 17, 18), [](const auto& instance) {
  return fmt::format("Postgres{}", instance.param);
});

TEST(WalReader, FindsEveryRecordWhateverThePieces) {
  EXPECT_TRUE(rc::check([] {
    WalBuilder builder({});
    std::vector<std::pair<Lsn, base::Bytes>> written;
    const int count = *rc::gen::inRange(1, 60);
    for (int i = 0; i < count; ++i) {
      const auto size = *rc::gen::weightedOneOf<std::size_t>(
          {{8, rc::gen::inRange<std::size_t>(0, 300)},
           {2, rc::gen::inRange<std::size_t>(300, 30000)},
           {1, rc::gen::inRange<std::size_t>(30000, 1500000)}});
      const auto fill = *rc::gen::arbitrary<std::uint8_t>();
      written.emplace_back(Add(builder, size, fill), base::Bytes(size, fill));
    }
    const Lsn end = Lsn((builder.position().value() + 7) / 8 * 8);
    const base::Bytes bytes = builder.Padded();

    // Each piece goes to a new reader, as if each came in a process of its own.
    WalReader reader(OptionsFor(builder));
    Found found;
    for (std::size_t at = 0; at < bytes.size() && !reader.end();) {
      const std::size_t size =
          std::min<std::size_t>(bytes.size() - at, *rc::gen::inRange(50, 400000));
      reader.Feed(base::ByteView(bytes).subspan(at, size));
      Drain(reader, found);
      if (reader.end()) break;
      const WalCarry carry = reader.Carry();
      at = carry.position - builder.start();
      reader = WalReader(OptionsFor(builder), carry);
    }
    RC_ASSERT(found.records == written);
    if (found.end) {
      RC_ASSERT(found.end->lsn == end);
      RC_ASSERT(found.end->reason == WalEndReason::kNoRecord ||
                found.end->reason == WalEndReason::kBadPage);
    }
  }));
}

TEST(WalReader, StartsBehindARecordThatBeganEarlier) {
  WalBuilder builder({});
  Add(builder, 3 * base::kMiB / 2);
  const Lsn second = Add(builder, 10, 7);
  const base::ByteView bytes = builder.bytes();
  auto options = OptionsFor(builder);
  for (const std::uint64_t offset :
       {kWalPageSize, std::size_t{5} * kWalPageSize, std::size_t{base::kMiB}}) {
    options.start = builder.start() + offset;
    const Found found = ReadAll(options, bytes.subspan(offset));
    ASSERT_EQ(found.records.size(), 1U) << offset;
    EXPECT_EQ(found.records[0].first, second);
    EXPECT_FALSE(found.end);
  }
}

TEST(WalReader, StartsAtARecord) {
  WalBuilder builder({});
  Add(builder, 100);
  const Lsn second = Add(builder, 10, 7);
  auto options = OptionsFor(builder);
  options.start = second;
  const Found found =
      ReadAll(options, base::ByteView(builder.bytes()).subspan(second - builder.start()));
  ASSERT_EQ(found.records.size(), 1U);
  EXPECT_EQ(found.records[0].first, second);
  options.start = second + 4;
  EXPECT_THROW(WalReader{options}, base::Error);
}

TEST(WalReader, ASwitchEndsTheSegmentWhateverFollowsInIt) {
  WalBuilder builder({});
  Add(builder, 100);
  builder.Switch();
  const Lsn next = Add(builder, 10, 7);
  base::Bytes bytes = builder.bytes();
  bytes[500000] = 0x55;
  const Found found = ReadAll(OptionsFor(builder), bytes);
  ASSERT_EQ(found.records.size(), 3U);
  EXPECT_EQ(found.records[2].first, next);
  EXPECT_EQ(next, builder.start() + base::kMiB + kWalLongPageHeaderSize);
}

TEST(WalReader, EndOfASwitchIsTheNextSegment) {
  WalBuilder builder({});
  builder.Switch();
  WalReader reader(OptionsFor(builder));
  reader.Feed(builder.bytes());
  const WalRecord* record = reader.Next();
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->end, builder.start() + base::kMiB);
  EXPECT_EQ(reader.valid_to(), record->end);
}

TEST(WalReader, GivesUpARecordWhoseRestWasLost) {
  WalBuilder builder({});
  Add(builder, 100);
  const Lsn lost = builder.LostRecord();
  base::ByteWriter data;
  data.U64(lost.value());
  data.U64(0);
  const Lsn after = builder.MainDataRecord(ResourceManager::kXlog, 0xD0, data.view());
  Add(builder, 10);
  const Found found = ReadAll(OptionsFor(builder), builder.bytes());
  ASSERT_EQ(found.records.size(), 3U);
  EXPECT_EQ(found.records[1].first, after);
  EXPECT_FALSE(found.end);
}

TEST(WalReader, ARecordIsOnlyGivenUpByTheOneThatNamesIt) {
  WalBuilder builder({});
  Add(builder, 100);
  builder.LostRecord();
  Add(builder, 100);
  const Found found = ReadAll(OptionsFor(builder), builder.bytes());
  EXPECT_EQ(found.records.size(), 1U);
  ASSERT_TRUE(found.end);
  EXPECT_EQ(found.end->reason, WalEndReason::kLostContinuation);
}

TEST(WalReader, NoDamagedByteOfARecordPasses) {
  WalBuilder builder({});
  Add(builder, 40);
  const Lsn second = Add(builder, 40);
  Add(builder, 40);
  const std::size_t from = second - builder.start();
  for (std::size_t i = from; i < from + kWalRecordHeaderSize + 42; ++i) {
    base::Bytes bytes = builder.Padded();
    bytes[i] ^= 0x40;
    const Found found = ReadAll(OptionsFor(builder), bytes);
    const bool padding = i - from == 18 || i - from == 19;
    if (!padding && found.end) {
      EXPECT_EQ(found.records.size(), 1U) << i - from;
      EXPECT_EQ(found.end->lsn, second) << i - from;
    } else {
      // A length beyond what is there asks for more, and the page after is no continuation.
      EXPECT_TRUE(found.end) << i - from;
    }
  }
}

TEST(WalReader, EndsWithTheReason) {
  WalBuilder builder({});
  const Lsn first = Add(builder, 40);
  Add(builder, 20000);
  const std::size_t second_page = kWalPageSize;
  const auto reason_with = [&](std::size_t offset, std::uint8_t value) {
    base::Bytes bytes = builder.Padded();
    bytes[offset] = value;
    const Found found = ReadAll(OptionsFor(builder), bytes);
    return found.end ? WalEndReasonName(found.end->reason) : "no end";
  };
  const std::size_t record = first - builder.start();
  EXPECT_EQ(reason_with(record, 0), "no record");
  EXPECT_EQ(reason_with(record, 23), "bad length");
  EXPECT_EQ(reason_with(record + 3, 0xFF), "bad length");
  EXPECT_EQ(reason_with(record + 15, 0xFF), "bad link");
  EXPECT_EQ(reason_with(record + 17, 99), "bad resource manager");
  EXPECT_EQ(reason_with(record + 20, 1), "bad checksum");
  EXPECT_EQ(reason_with(second_page, 0), "bad page");  // magic number
  EXPECT_EQ(reason_with(second_page + 2, 0), "lost continuation");
  EXPECT_EQ(reason_with(second_page + 2, 0x11), "bad page");  // unknown flag
  EXPECT_EQ(reason_with(second_page + 2, 0x03), "bad page");  // long header inside a segment
  EXPECT_EQ(reason_with(second_page + 4, 0), "bad page");     // timeline 0
  EXPECT_EQ(reason_with(second_page + 9, 0), "bad page");     // address of another page
  EXPECT_EQ(reason_with(second_page + 16, 1), "lost continuation");
  EXPECT_EQ(reason_with(24, 78), "bad page");    // another cluster
  EXPECT_EQ(reason_with(34, 0x20), "bad page");  // another segment size
}

TEST(WalReader, TimelinesRiseAndNeverFall) {
  WalBuilder builder({});
  Add(builder, 9000);
  builder.SetTimeline(TimelineId(2));
  Add(builder, 9000);
  EXPECT_EQ(ReadAll(OptionsFor(builder), builder.bytes()).records.size(), 2U);
  builder.SetTimeline(TimelineId(1));
  Add(builder, 9000);
  const Found found = ReadAll(OptionsFor(builder), builder.bytes());
  EXPECT_EQ(found.records.size(), 2U);
  EXPECT_EQ(found.end->reason, WalEndReason::kBadPage);
}

TEST(WalReader, ZeroPagesEndTheWal) {
  WalBuilder builder({});
  Add(builder, 40);
  const Found found = ReadAll(OptionsFor(builder), builder.Padded());
  EXPECT_EQ(found.end->reason, WalEndReason::kNoRecord);
  EXPECT_EQ(ReadAll(OptionsFor(builder), base::Bytes(base::kMiB)).end->reason,
            WalEndReason::kBadPage);
}

}  // namespace
}  // namespace holdfast::pg
