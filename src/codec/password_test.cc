#include "codec/password.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"

namespace holdfast::codec {
namespace {

constexpr PasswordCost kCheap{.operations = 3, .memory_bytes = base::kMiB};
const base::ByteView kSalt = base::AsBytes("0123456789abcdef");

base::ErrorKind KindOfCost(const PasswordCost& cost) {
  try {
    static_cast<void>(KeyFromPassword("x", kSalt, cost));
  } catch (const base::Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "it was taken";
  return base::ErrorKind::kInternal;
}

TEST(KeyFromPassword, GivesWhatAnotherImplementationOfArgon2idGives) {
  EXPECT_EQ(base::ToHex(KeyFromPassword("correct horse", kSalt, kCheap).view()),
            "7879645409224416c7fb41bc02819d5d41b9cd146cf501794daf608db30fcd57");
}

TEST(KeyFromPassword, RefusesAbsurdCosts) {
  const auto huge = std::numeric_limits<std::uint64_t>::max();
  for (const PasswordCost& cost : {PasswordCost{.operations = 3, .memory_bytes = 1024 * base::kGiB},
                                   PasswordCost{.operations = 3, .memory_bytes = huge},
                                   PasswordCost{.operations = 3, .memory_bytes = 0},
                                   PasswordCost{.operations = huge, .memory_bytes = base::kMiB},
                                   PasswordCost{.operations = 0, .memory_bytes = base::kMiB}}) {
    EXPECT_EQ(KindOfCost(cost), base::ErrorKind::kCorrupt);
  }
}

TEST(KeyFromPassword, RefusesASaltOfAnotherSize) {
  EXPECT_THROW(static_cast<void>(KeyFromPassword("x", kSalt.first(15), kCheap)), base::Error);
}

TEST(Wrap, IsUndoneOnlyByTheSameKeyAndAssociatedData) {
  const Key256 key = Key256::Random();
  const base::Bytes secret = base::ToBytes("the root keys");
  const base::Bytes wrapped = Wrap(key, base::AsBytes("x"), secret);
  EXPECT_NE(Wrap(key, base::AsBytes("x"), secret), wrapped);
  EXPECT_EQ(Unwrap(key, base::AsBytes("x"), wrapped), secret);
  EXPECT_EQ(Unwrap(key, base::AsBytes("y"), wrapped), std::nullopt);
  EXPECT_EQ(Unwrap(Key256::Random(), base::AsBytes("x"), wrapped), std::nullopt);
}

TEST(Wrap, FindsEveryFlippedBitAndEveryCut) {
  const Key256 key = Key256::Random();
  const base::Bytes wrapped = Wrap(key, {}, base::AsBytes("the root keys"));
  for (std::size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    base::Bytes altered = wrapped;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(Unwrap(key, {}, altered), std::nullopt) << bit;
  }
  for (std::size_t size = 0; size < wrapped.size(); ++size) {
    EXPECT_EQ(Unwrap(key, {}, base::ByteView(wrapped).first(size)), std::nullopt) << size;
  }
}

TEST(SealTo, IsOpenedOnlyByTheSecretKey) {
  const SealPair pair = NewSealPair();
  const base::Bytes secret(Key256::kSize, 5);
  const base::Bytes sealed = SealTo(pair.public_key, secret);
  EXPECT_EQ(sealed.size(), secret.size() + 48);
  EXPECT_EQ(OpenSealed(pair, sealed), secret);
  EXPECT_EQ(OpenSealed(NewSealPair(), sealed), std::nullopt);
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(OpenSealed(pair, base::ByteView(sealed).first(size)), std::nullopt) << size;
  }
}

TEST(SealTo, RefusesKeysOfAnotherSize) {
  EXPECT_THROW(static_cast<void>(SealTo(base::Bytes(31), {})), base::Error);
  EXPECT_THROW(static_cast<void>(OpenSealed(SealPair{}, base::Bytes(80))), base::Error);
}

}  // namespace
}  // namespace holdfast::codec
