#include "base/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "base/error.h"

namespace holdfast::base {
namespace {

template <typename Work>
void ExpectCorrupt(Work&& work) {
  try {
    work();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << error.what();
  }
}

RC_GTEST_PROP(Hex, GivesBackWhatItWasGiven, (const Bytes& bytes)) {
  const std::string text = ToHex(bytes);
  RC_ASSERT(text.size() == bytes.size() * 2);
  RC_ASSERT(FromHex(text) == bytes);
}

TEST(Hex, IsLowerCaseAndReadsBothCases) {
  EXPECT_EQ(ToHex(Bytes{0x00, 0x9a, 0xff}), "009aff");
  EXPECT_EQ(FromHex("9AfF"), (Bytes{0x9a, 0xff}));
}

TEST(Hex, RefusesWhatIsNoPairOfDigits) {
  for (const char* text : {"0", "0g", "g0", "00 ", " 0", "0x10", "-1", "/0", ":0", "@0", "`0"}) {
    SCOPED_TRACE(text);
    ExpectCorrupt([&] { FromHex(text); });
  }
}

RC_GTEST_PROP(Base64, GivesBackWhatItWasGiven, (const Bytes& bytes)) {
  RC_ASSERT(FromBase64(ToBase64(bytes)) == bytes);
}

TEST(Base64, IsTheStandardOne) {
  // RFC 4648, section 10.
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(ToBase64(AsBytes(plain)), text);
    EXPECT_EQ(FromBase64(text), ToBytes(plain));
  }
  EXPECT_EQ(ToBase64(Bytes{0xfb, 0xff, 0xbf}), "+/+/");
}

TEST(Base64, RefusesAnythingElse) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zg=a", "Zg==Zg==", "Zm9v\n",
                           "Zm9-", "Zm9_", "Zm 9", "Zh==", "Zm9="}) {
    SCOPED_TRACE(text);
    ExpectCorrupt([&] { FromBase64(text); });
  }
}

TEST(Bytes, KnowsZeros) {
  EXPECT_TRUE(AllZero({}));
  EXPECT_TRUE(AllZero(Bytes(8192)));
  Bytes bytes(8192);
  bytes.back() = 1;
  EXPECT_FALSE(AllZero(bytes));
}

TEST(Bytes, ComparesLengthAndContent) {
  EXPECT_TRUE(Equal(AsBytes("ab"), AsBytes("ab")));
  EXPECT_FALSE(Equal(AsBytes("ab"), AsBytes("abc")));
  EXPECT_FALSE(Equal(AsBytes("ab"), AsBytes("ac")));
}

RC_GTEST_PROP(ByteWriter, IsReadBackField,
              (std::uint8_t a, std::uint16_t b, std::uint32_t c, std::uint64_t d, const Bytes& e,
               const std::string& f)) {
  ByteWriter writer;
  writer.U8(a);
  writer.U16(b);
  writer.U32(c);
  writer.U64(d);
  writer.Sized(e);
  writer.Sized(f);
  writer.Raw(e);
  const Bytes bytes = writer.Take();
  ByteReader reader(bytes, "record");
  RC_ASSERT(reader.U8() == a);
  RC_ASSERT(reader.U16() == b);
  RC_ASSERT(reader.U32() == c);
  RC_ASSERT(reader.U64() == d);
  RC_ASSERT(Equal(reader.Sized(), e));
  RC_ASSERT(reader.SizedText() == f);
  RC_ASSERT(Equal(reader.Raw(e.size()), e));
  reader.ExpectEnd();
}

RC_GTEST_PROP(ByteWriter, WritesEveryVarint, (std::uint64_t number)) {
  const auto shift = *rc::gen::inRange(0, 64);
  const std::uint64_t value = number >> shift;
  ByteWriter writer;
  writer.Varint(value);
  RC_ASSERT(writer.size() <= 10U);
  ByteReader reader(writer.view(), "number");
  RC_ASSERT(reader.Varint() == value);
  RC_ASSERT(reader.AtEnd());
}

TEST(ByteWriter, IsLittleEndian) {
  ByteWriter writer;
  writer.U16(0x0102);
  writer.U32(0x03040506);
  writer.Varint(300);
  EXPECT_EQ(ToHex(writer.view()), "020106050403ac02");
}

TEST(ByteWriter, WritesTheLargestVarint) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  ByteWriter writer;
  writer.Varint(kMost);
  EXPECT_EQ(ToHex(writer.view()), "ffffffffffffffffff01");
  EXPECT_EQ(ByteReader(writer.view(), "number").Varint(), kMost);
}

TEST(ByteReader, RefusesAVarintOver64Bits) {
  for (const char* text :
       {"ffffffffffffffffff02", "ffffffffffffffffffff01", "80808080808080808080808080808000"}) {
    const Bytes bytes = FromHex(text);
    ExpectCorrupt([&] { ByteReader(bytes, "number").Varint(); });
  }
}

RC_GTEST_PROP(ByteReader, ThrowsOnEveryTruncation, (const Bytes& content)) {
  ByteWriter writer;
  writer.U32(7);
  writer.Sized(content);
  writer.U64(9);
  const Bytes whole = writer.Take();
  const auto length = *rc::gen::inRange<std::size_t>(0, whole.size());
  ByteReader reader(ByteView(whole).first(length), "record");
  try {
    reader.U32();
    reader.Sized();
    reader.U64();
    RC_FAIL("a truncated record was read");
  } catch (const Error& error) {
    RC_ASSERT(error.kind() == ErrorKind::kCorrupt);
  }
}

TEST(ByteReader, NamesTheRecordThatEndsEarly) {
  const Bytes bytes(3);
  try {
    ByteReader(bytes, "pack footer").U32();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "pack footer ends early, at byte 3");
  }
}

TEST(ByteReader, RefusesALengthBeyondTheInput) {
  ByteWriter writer;
  writer.Varint(std::numeric_limits<std::uint64_t>::max());
  ExpectCorrupt([&] { ByteReader(writer.view(), "record").Sized(); });
}

TEST(ByteReader, HoldsACountToItsLimit) {
  ByteWriter writer;
  writer.Varint(10);
  EXPECT_EQ(ByteReader(writer.view(), "record").VarintUpTo(10), 10U);
  ExpectCorrupt([&] { ByteReader(writer.view(), "record").VarintUpTo(9); });
}

TEST(ByteReader, RefusesLeftovers) {
  const Bytes bytes(2);
  ByteReader reader(bytes, "record");
  reader.U8();
  EXPECT_EQ(reader.position(), 1U);
  EXPECT_EQ(reader.remaining(), 1U);
  ExpectCorrupt([&] { reader.ExpectEnd(); });
}

}  // namespace
}  // namespace holdfast::base
