#include "pg/crc32c.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace holdfast::pg {
namespace {

TEST(Crc32c, AgreesWithTheVectorsOfRfc3720) {
  EXPECT_EQ(Crc32cOf({}), 0U);
  EXPECT_EQ(Crc32cOf(base::AsBytes("123456789")), 0xE3069283U);
  EXPECT_EQ(Crc32cOf(base::Bytes(32, 0)), 0x8A9136AAU);
  EXPECT_EQ(Crc32cOf(base::Bytes(32, 0xFF)), 0x62A8AB43U);
}

TEST(Crc32c, OfPartsExtendedIsThatOfTheWhole) {
  EXPECT_TRUE(rc::check([](const base::Bytes& a, const base::Bytes& b) {
    Crc32c crc;
    crc.Extend(a);
    crc.Extend(b);
    base::Bytes whole = a;
    whole.insert(whole.end(), b.begin(), b.end());
    RC_ASSERT(crc.value() == Crc32cOf(whole));
  }));
}

TEST(Crc32c, OfPartsCombinedIsThatOfTheWhole) {
  EXPECT_TRUE(rc::check([](const base::Bytes& a, const base::Bytes& b, const base::Bytes& c) {
    const auto part = [](const base::Bytes& bytes) {
      return Crc32cPart{.crc = Crc32cOf(bytes), .length = bytes.size()};
    };
    base::Bytes whole = a;
    whole.insert(whole.end(), b.begin(), b.end());
    whole.insert(whole.end(), c.begin(), c.end());
    const Crc32cPart left = Crc32cCombine(Crc32cCombine(part(a), part(b)), part(c));
    const Crc32cPart right = Crc32cCombine(part(a), Crc32cCombine(part(b), part(c)));
    RC_ASSERT(left.crc == Crc32cOf(whole));
    RC_ASSERT(right.crc == left.crc);
    RC_ASSERT(left.length == whole.size());
  }));
}

TEST(Crc32c, CombinesPartsOverFourGibibytes) {
  // 5 GiB of zeros, doubled up from one KiB without ever being held.
  Crc32cPart zeros{.crc = Crc32cOf(base::Bytes(1024)), .length = 1024};
  for (int i = 0; i < 20; ++i) zeros = Crc32cCombine(zeros, zeros);
  const Crc32cPart gib = zeros;
  for (int i = 0; i < 4; ++i) zeros = Crc32cCombine(zeros, gib);
  EXPECT_EQ(zeros.length, 5 * base::kGiB);
  const Crc32cPart other_way =
      Crc32cCombine(gib, Crc32cCombine(gib, Crc32cCombine(gib, Crc32cCombine(gib, gib))));
  EXPECT_EQ(zeros.crc, other_way.crc);
}

}  // namespace
}  // namespace holdfast::pg
