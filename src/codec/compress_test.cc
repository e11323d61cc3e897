#include "codec/compress.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.h"
#include "base/random.h"

namespace holdfast::codec {
namespace {

base::ErrorKind KindOfDecompressing(Codec codec, base::ByteView stored, std::size_t raw_size) {
  try {
    static_cast<void>(Decompress(codec, stored, raw_size));
  } catch (const base::Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "it was taken";
  return base::ErrorKind::kInternal;
}

class EveryCodec : public testing::TestWithParam<CompressionOptions> {};

TEST_P(EveryCodec, GivesBackWhatItTook) {
  Compressor compressor(GetParam());
  EXPECT_TRUE(rc::check([&](const std::vector<std::uint8_t>& piece, std::uint8_t repeats) {
    base::Bytes raw;
    for (int i = 0; i < repeats; ++i) raw.insert(raw.end(), piece.begin(), piece.end());
    base::Bytes out{42};
    const Codec used = compressor.Append(raw, out);
    RC_ASSERT(out.size() <= raw.size() + 1);
    RC_ASSERT(out[0] == 42);
    RC_ASSERT(Decompress(used, base::ByteView(out).subspan(1), raw.size()) == raw);
  }));
}

TEST_P(EveryCodec, StoresRandomBytesAsTheyAre) {
  base::Bytes raw(10'000);
  base::FillRandom(raw);
  base::Bytes out;
  EXPECT_EQ(Compressor(GetParam()).Append(raw, out), Codec::kRaw);
  EXPECT_EQ(out, raw);
}

TEST_P(EveryCodec, RefusesAnotherSizeAndEveryCut) {
  const base::Bytes raw(5'000, 9);
  base::Bytes out;
  const Codec used = Compressor(GetParam()).Append(raw, out);
  EXPECT_EQ(used, GetParam().codec);
  for (const std::size_t size : {0U, 4'999U, 5'001U, 100'000U}) {
    EXPECT_EQ(KindOfDecompressing(used, out, size), base::ErrorKind::kCorrupt) << size;
  }
  for (std::size_t size = 0; size < out.size(); ++size) {
    const base::ByteView cut = base::ByteView(out).first(size);
    EXPECT_EQ(KindOfDecompressing(used, cut, raw.size()), base::ErrorKind::kCorrupt) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Compressor, EveryCodec,
                         testing::Values(CompressionOptions{.codec = Codec::kRaw},
                                         CompressionOptions{.codec = Codec::kZstd, .level = 1},
                                         CompressionOptions{.codec = Codec::kZstd, .level = 19},
                                         CompressionOptions{.codec = Codec::kLz4}));

TEST(Decompress, NamesACodecItDoesNotKnow) {
  try {
    static_cast<void>(Decompress(static_cast<Codec>(77), {}, 0));
    FAIL() << "it was taken";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    EXPECT_NE(error.message().find("77"), std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast::codec
