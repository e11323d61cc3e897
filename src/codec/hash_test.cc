#include "codec/hash.h"

#include <gtest/gtest.h>

#include <numeric>

namespace holdfast::codec {
namespace {

base::Bytes Counting(std::size_t count, std::uint8_t first = 0) {
  base::Bytes bytes(count);
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

// HMAC pads its key with zeros, so shorter keys of published vectors can be given as 32 bytes.
Key256 PaddedKey(base::Bytes bytes) {
  bytes.resize(Key256::kSize);
  return Key256::From(bytes);
}

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(base::ToHex(Sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(base::ToHex(Sha256(base::AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, IsTheSameInPieces) {
  const base::Bytes bytes = Counting(1000);
  Sha256Stream stream;
  stream.Update(base::ByteView(bytes).first(1));
  stream.Update({});
  stream.Update(base::ByteView(bytes).subspan(1));
  EXPECT_EQ(stream.Finish(), Sha256(bytes));
}

TEST(HmacSha256, GivesTheVectorsOfRfc4231) {
  EXPECT_EQ(base::ToHex(HmacSha256(PaddedKey(base::Bytes(20, 0x0b)), base::AsBytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(base::ToHex(HmacSha256(PaddedKey(base::ToBytes("Jefe")),
                                   base::AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(DeriveKey, GivesWhatAnotherImplementationOfHkdfGives) {
  const Key256 key = Key256::From(Counting(32));
  EXPECT_EQ(base::ToHex(DeriveKey(key, Counting(32, 0x60), "holdfast").view()),
            "bb86516b3b645e10d53c2de85dfe0fcda180dbe1f3c80575b5c44079e0967419");
  EXPECT_EQ(base::ToHex(DeriveKey(key, {}, "holdfast").view()),
            "ecbc9a29948674aa0b99536f47796c157e52f7760ba053751b1d87468df5618a");
}

TEST(DeriveKey, GivesOtherKeysForOtherPurposesAndSalts) {
  const Key256 key = Key256::From(Counting(32));
  const Key256 derived = DeriveKey(key, Counting(32), "one");
  EXPECT_FALSE(base::Equal(derived.view(), DeriveKey(key, Counting(32), "two").view()));
  EXPECT_FALSE(base::Equal(derived.view(), DeriveKey(key, Counting(32, 1), "one").view()));
}

TEST(PageHasher, GivesTheVectorOfSipHash) {
  const PageHasher hasher(Key256::From(Counting(32)));
  EXPECT_EQ(hasher(Counting(15)), 0xa129ca6149be45e5U);
}

TEST(Key256, RefusesAnotherSize) {
  EXPECT_THROW(Key256::From(Counting(31)), std::exception);
  EXPECT_THROW(Key256::From(Counting(33)), std::exception);
  EXPECT_FALSE(base::Equal(Key256::Random().view(), Key256::Random().view()));
}

}  // namespace
}  // namespace holdfast::codec
