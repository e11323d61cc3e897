#include "repo/blob.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "codec/hash.h"
#include "repo/pack_format.h"
#include "repo/testing/fixed_ring.h"

namespace holdfast::repo {
namespace {

std::optional<base::ErrorKind> KindOfOpening(const Keyring& ring, base::ByteView stored) {
  try {
    static_cast<void>(OpenBlob(ring, "the/object", stored));
  } catch (const base::Error& error) {
    EXPECT_TRUE(error.message().starts_with("the/object")) << error.message();
    return error.kind();
  }
  return std::nullopt;
}

// As someone without a key can mend it: trailer and id fit what there is.
base::Bytes WithNewChecksums(base::Bytes container) {
  PackId id;
  try {
    const PackParts parts = SplitPack(container);
    PackTrailer trailer = ParseTrailer(parts.trailer);
    trailer.frames_digest = codec::Sha256(parts.frames);
    const base::Bytes mended = EncodeTrailer(trailer);
    id = NameOfPack(parts.header, parts.footer, mended);
    std::ranges::copy(mended, container.end() - static_cast<std::ptrdiff_t>(mended.size()));
  } catch (const base::Error&) {
    // It is no pack any more: no id fits.
  }
  container.insert(container.end(), id.bytes.begin(), id.bytes.end());
  return container;
}

TEST(Blob, GivesBackWhatItHolds) {
  const Keyring ring = FixedRing();
  for (const PackKind kind : {PackKind::kData, PackKind::kMeta, PackKind::kWal}) {
    for (const std::size_t size : {0U, 1U, kMaxLongFrameSize, 2 * kMaxLongFrameSize + 5}) {
      base::Bytes raw(size);
      base::FillRandom(raw);
      const base::Bytes stored = SealBlob(ring, kind, raw, {});
      EXPECT_TRUE(BlobChecksumMatches(stored));
      EXPECT_EQ(OpenBlob(ring, "x", stored), raw);
    }
  }
}

TEST(Blob, LosesNoFlippedBitAndNoCut) {
  const Keyring ring = FixedRing();
  const base::Bytes stored = SealBlob(ring, PackKind::kWal, base::AsBytes("some WAL"), {});
  for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
    base::Bytes altered = stored;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(BlobChecksumMatches(altered)) << bit;
    EXPECT_EQ(KindOfOpening(ring, altered), base::ErrorKind::kCorrupt) << bit;
  }
  for (std::size_t size = 0; size < stored.size(); ++size) {
    const base::ByteView cut = base::ByteView(stored).first(size);
    EXPECT_FALSE(BlobChecksumMatches(cut)) << size;
    EXPECT_EQ(KindOfOpening(ring, cut), base::ErrorKind::kCorrupt) << size;
  }
}

TEST(Blob, IsNotSavedByANewChecksum) {
  const Keyring ring = FixedRing();
  const base::Bytes stored = SealBlob(ring, PackKind::kWal, base::AsBytes("some WAL"), {});
  base::Bytes container = stored;
  container.resize(container.size() - sizeof(PackId));
  ASSERT_EQ(KindOfOpening(ring, WithNewChecksums(container)), std::nullopt);
  std::size_t undone = 0;
  for (std::size_t bit = 0; bit < container.size() * 8; ++bit) {
    base::Bytes altered = container;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const base::Bytes mended = WithNewChecksums(altered);
    if (mended == stored) {
      ++undone;  // it was the checksum that was altered
      continue;
    }
    EXPECT_EQ(KindOfOpening(ring, mended), base::ErrorKind::kCorrupt) << bit;
  }
  EXPECT_EQ(undone, 8 * sizeof(codec::Digest));
  for (std::size_t size = 0; size < container.size(); ++size) {
    const base::Bytes cut(container.begin(), container.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(KindOfOpening(ring, WithNewChecksums(cut)), base::ErrorKind::kCorrupt) << size;
  }
}

TEST(Blob, OfAHostThatMayOnlyAddIsReadByOthersOnly) {
  const Keyring full = FixedRing();
  const base::Bytes stored =
      SealBlob(full.AddOnly(), PackKind::kWal, base::AsBytes("some WAL"), {});
  EXPECT_EQ(OpenBlob(full, "x", stored), base::ToBytes("some WAL"));
  EXPECT_EQ(KindOfOpening(full.AddOnly(), stored), base::ErrorKind::kDenied);
}

}  // namespace
}  // namespace holdfast::repo
