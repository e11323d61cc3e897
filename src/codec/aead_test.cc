#include "codec/aead.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/error.h"

namespace holdfast::codec {
namespace {

Key256 TestKey(std::uint8_t first = 0) {
  base::Bytes bytes(Key256::kSize);
  std::iota(bytes.begin(), bytes.end(), first);
  return Key256::From(bytes);
}

bool Opens(Aead& aead, std::uint64_t counter, base::ByteView associated, base::ByteView sealed) {
  try {
    static_cast<void>(aead.Open(counter, associated, sealed));
    return true;
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    return false;
  }
}

TEST(Aead, GivesWhatAnotherImplementationGives) {
  Aead aead(TestKey());
  base::Bytes out{1, 2};
  aead.Seal(5, base::AsBytes("assoc"), base::AsBytes("hello"), out);
  EXPECT_EQ(base::ToHex(out),
            "0102"
            "8e0ec1ad5cd8b0a99b3f4f5d86acd52996aa87a53d");
}

TEST(Aead, OpensWhatItSealed) {
  Aead aead(TestKey());
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 100'000U}) {
    const base::Bytes plain(size, 7);
    base::Bytes sealed;
    aead.Seal(size, base::AsBytes("x"), plain, sealed);
    EXPECT_EQ(sealed.size(), size + kAeadTagSize);
    EXPECT_EQ(aead.Open(size, base::AsBytes("x"), sealed), plain);
  }
}

TEST(Aead, FindsEveryFlippedBitAndEveryCut) {
  Aead aead(TestKey());
  base::Bytes sealed;
  aead.Seal(1, base::AsBytes("x"), base::AsBytes("some plain text"), sealed);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    base::Bytes altered = sealed;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(Opens(aead, 1, base::AsBytes("x"), altered)) << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(Opens(aead, 1, base::AsBytes("x"), base::ByteView(sealed).first(size))) << size;
  }
  // A failure leaves nothing behind that would spoil the next message.
  EXPECT_TRUE(Opens(aead, 1, base::AsBytes("x"), sealed));
}

TEST(Aead, BindsCounterAssociatedDataAndKey) {
  Aead aead(TestKey());
  base::Bytes sealed;
  aead.Seal(1, base::AsBytes("x"), base::AsBytes("plain"), sealed);
  EXPECT_FALSE(Opens(aead, 2, base::AsBytes("x"), sealed));
  EXPECT_FALSE(Opens(aead, 1ULL << 63U, base::AsBytes("x"), sealed));
  EXPECT_FALSE(Opens(aead, 1, base::AsBytes("y"), sealed));
  EXPECT_FALSE(Opens(aead, 1, {}, sealed));
  Aead other(TestKey(1));
  EXPECT_FALSE(Opens(other, 1, base::AsBytes("x"), sealed));
}

}  // namespace
}  // namespace holdfast::codec
