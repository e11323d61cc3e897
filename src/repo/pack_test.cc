#include "repo/pack.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "repo/pack_format.h"
#include "repo/testing/fixed_ring.h"

namespace holdfast::repo {
namespace {

using base::ErrorKind;

base::Bytes Random(std::size_t size) {
  base::Bytes bytes(size);
  base::FillRandom(bytes);
  return bytes;
}

FinishedPack SmallPack(const Keyring& ring, PackKind kind = PackKind::kData) {
  PackBuilder builder(ring, kind, {});
  builder.Append(FrameKind::kBytes, base::AsBytes("one small file"));
  builder.Append(FrameKind::kBytes, base::Bytes(100, 7));
  return builder.Finish();
}

// As a reader far away does: header first, then ever more of the end.
PackFooter ReadFooter(PackReader& reader, base::ByteView pack) {
  PackReader::FooterOrNeed answer;
  while (!answer.footer) {
    const std::uint64_t asked = answer.need;
    answer = reader.ReadFooter(pack.last(asked), pack.size());
    if (!answer.footer && answer.need <= asked) throw std::logic_error("it asks for no more");
  }
  return std::move(*answer.footer);
}

// What the pack would be called if it were right; zero where it is too broken for any name. A
// reader that is told the right name finds more, so what is refused under this one is refused for
// sure.
PackId NameAsItStands(base::ByteView pack) {
  try {
    const PackParts parts = SplitPack(pack);
    return NameOfPack(parts.header, parts.footer, parts.trailer);
  } catch (const base::Error&) {
    return {};
  }
}

std::vector<base::Bytes> ReadAll(const Keyring& ring, base::ByteView pack) {
  PackReader reader(ring, NameAsItStands(pack), pack);
  const PackFooter footer = ReadFooter(reader, pack);
  std::vector<base::Bytes> frames;
  for (std::uint32_t i = 0; i < footer.frames().size(); ++i) {
    const FrameInfo& frame = footer.frame(i);
    frames.push_back(reader.OpenFrame(footer, i, pack.subspan(frame.offset, frame.stored_size)));
  }
  return frames;
}

template <typename Work>
std::optional<ErrorKind> KindOf(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return std::nullopt;
}

std::optional<ErrorKind> KindOfReading(const Keyring& ring, base::ByteView pack) {
  return KindOf([&] { ReadAll(ring, pack); });
}

// Empty when the bytes prove none.
std::optional<PackId> IdProvenBy(base::ByteView pack) {
  std::optional<PackId> id;
  if (KindOf([&] { id = ProvenId(pack); })) return std::nullopt;
  return id;
}

class EveryPackKind : public testing::TestWithParam<PackKind> {};

TEST_P(EveryPackKind, GivesBackItsFrames) {
  const Keyring ring = FixedRing();
  PackBuilder builder(ring, GetParam(), {});
  const std::vector<base::Bytes> frames{
      Random(kMaxFrameSize), {}, base::Bytes(50'000, 3), Random(1)};
  for (const base::Bytes& frame : frames) builder.Append(FrameKind::kBytes, frame);
  const std::uint64_t promised = builder.size();
  const FinishedPack pack = builder.Finish();
  EXPECT_LE(pack.contents.size(), promised);
  EXPECT_EQ(ProvenId(pack.contents), pack.id);
  EXPECT_EQ(pack.raw_bytes, kMaxFrameSize + 50'001);
  EXPECT_EQ(ReadAll(ring, pack.contents), frames);
}

TEST_P(EveryPackKind, LosesNoFlippedBit) {
  const Keyring ring = FixedRing();
  const FinishedPack pack = SmallPack(ring, GetParam());
  for (std::size_t bit = 0; bit < pack.contents.size() * 8; ++bit) {
    base::Bytes altered = pack.contents;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_NE(IdProvenBy(altered), pack.id) << bit;
    EXPECT_EQ(KindOfReading(ring, altered), ErrorKind::kCorrupt) << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(Pack, EveryPackKind,
                         testing::Values(PackKind::kData, PackKind::kMeta, PackKind::kWal));

TEST(Pack, KeepsThePageHashesOfEachFrame) {
  const Keyring ring = FixedRing();
  PackBuilder builder(ring, PackKind::kData, {});
  const std::vector<std::uint64_t> two{11, 12};
  const std::vector<std::uint64_t> one{13};
  builder.Append(FrameKind::kPages, base::Bytes(2 * kPageSize, 1), two);
  builder.Append(FrameKind::kBytes, base::Bytes(kPageSize, 1));
  builder.Append(FrameKind::kPages, base::Bytes(kPageSize, 1), one);
  const FinishedPack pack = builder.Finish();
  PackReader reader(ring, pack.id, pack.contents);
  const PackFooter footer = ReadFooter(reader, pack.contents);
  EXPECT_TRUE(std::ranges::equal(footer.PageHashes(0), two));
  EXPECT_TRUE(footer.PageHashes(1).empty());
  EXPECT_TRUE(std::ranges::equal(footer.PageHashes(2), one));
  EXPECT_EQ(KindOf([&] { static_cast<void>(footer.PageHashes(3)); }), ErrorKind::kCorrupt);
  EXPECT_EQ(KindOf([&] { static_cast<void>(footer.frame(3)); }), ErrorKind::kCorrupt);
}

TEST(Pack, IsUnreadableWhenCutAnywhere) {
  const Keyring ring = FixedRing();
  const base::Bytes pack = SmallPack(ring).contents;
  for (std::size_t size = 0; size < pack.size(); ++size) {
    EXPECT_EQ(KindOfReading(ring, base::ByteView(pack).first(size)), ErrorKind::kCorrupt) << size;
    EXPECT_EQ(IdProvenBy(base::ByteView(pack).first(size)), std::nullopt) << size;
  }
}

TEST(Pack, IsUnreadableWithBytesAdded) {
  const Keyring ring = FixedRing();
  const base::Bytes pack = SmallPack(ring).contents;
  base::Bytes longer = pack;
  longer.push_back(0);
  EXPECT_EQ(KindOfReading(ring, longer), ErrorKind::kCorrupt);
  // Between the last frame and the footer: the trailer is intact, the sizes are not.
  base::Bytes swollen = pack;
  swollen.insert(swollen.begin() + static_cast<std::ptrdiff_t>(kPackHeaderSize), 0);
  EXPECT_EQ(KindOfReading(ring, swollen), ErrorKind::kCorrupt);
}

TEST(Pack, HidesTheSizesOfItsFrames) {
  const Keyring ring = FixedRing();
  PackBuilder builder(ring, PackKind::kData, {.codec = codec::Codec::kRaw});
  builder.Append(FrameKind::kBytes, base::AsBytes("visible text"));
  const base::Bytes pack = builder.Finish().contents;
  EXPECT_EQ(base::AsText(pack).find("visible"), std::string_view::npos);
}

TEST(Pack, FindsAFrameOfAnotherPack) {
  const Keyring ring = FixedRing();
  const base::Bytes one = SmallPack(ring).contents;
  const base::Bytes other = SmallPack(ring).contents;
  ASSERT_EQ(one.size(), other.size());
  PackReader reader(ring, ProvenId(one), one);
  const PackFooter footer = ReadFooter(reader, one);
  const FrameInfo& first = footer.frame(0);
  const auto stored = [&](base::ByteView pack) {
    return pack.subspan(first.offset, first.stored_size);
  };
  EXPECT_NO_THROW(static_cast<void>(reader.OpenFrame(footer, 0, stored(one))));
  EXPECT_EQ(KindOf([&] { static_cast<void>(reader.OpenFrame(footer, 0, stored(other))); }),
            ErrorKind::kCorrupt);
}

TEST(Pack, IsNotTakenForAnotherThatIsJustAsWhole) {
  const Keyring ring = FixedRing();
  const FinishedPack one = SmallPack(ring);
  const FinishedPack other = SmallPack(ring);
  PackReader reader(ring, one.id, other.contents);
  EXPECT_EQ(KindOf([&] { ReadFooter(reader, other.contents); }), ErrorKind::kCorrupt);
  // Nor with the one's header, under which its keys are found, or with its frames.
  const PackParts parts = SplitPack(one.contents);
  base::Bytes mixed(parts.header.begin(), parts.header.end());
  mixed.insert(mixed.end(), other.contents.begin() + kPackHeaderSize, other.contents.end());
  PackReader mixed_reader(ring, one.id, mixed);
  EXPECT_EQ(KindOf([&] { ReadFooter(mixed_reader, mixed); }), ErrorKind::kCorrupt);
  EXPECT_NE(IdProvenBy(mixed), one.id);
  EXPECT_NE(IdProvenBy(mixed), other.id);
  base::Bytes frames_of_other = one.contents;
  std::ranges::copy(SplitPack(other.contents).frames, frames_of_other.begin() + kPackHeaderSize);
  EXPECT_EQ(IdProvenBy(frames_of_other), std::nullopt);
}

// The seal of GCM alone does not say which key it was made under: a footer can be made that opens
// under two. The name does.
TEST(Pack, IsKnownByItsHeaderToo) {
  const Keyring ring = FixedRing();
  const FinishedPack pack = SmallPack(ring);
  for (std::size_t byte = 0; byte < kPackHeaderSize; ++byte) {
    base::Bytes altered = pack.contents;
    altered[byte] ^= 1;
    EXPECT_NE(NameAsItStands(altered), pack.id) << byte;
  }
}

TEST(Pack, FindsFramesThatChangedPlaces) {
  const Keyring ring = FixedRing();
  PackBuilder builder(ring, PackKind::kData, {});
  builder.Append(FrameKind::kBytes, base::AsBytes("aaaa"));
  builder.Append(FrameKind::kBytes, base::AsBytes("bbbb"));
  base::Bytes pack = builder.Finish().contents;
  const auto first = pack.begin() + static_cast<std::ptrdiff_t>(kPackHeaderSize);
  std::swap_ranges(first, first + 20, first + 20);
  EXPECT_EQ(KindOfReading(ring, pack), ErrorKind::kCorrupt);
}

TEST(Pack, FindsTheFooterOfAnotherPack) {
  const Keyring ring = FixedRing();
  base::Bytes one = SmallPack(ring).contents;
  const base::Bytes other = SmallPack(ring).contents;
  std::copy(other.end() - 92, other.end(), one.end() - 92);
  EXPECT_EQ(KindOfReading(ring, one), ErrorKind::kCorrupt);
}

TEST(Pack, IsUnreadableWithOtherKeys) {
  const base::Bytes pack = SmallPack(FixedRing()).contents;
  EXPECT_EQ(KindOfReading(Keyring::Generate(kFixedRepositoryId), pack), ErrorKind::kCorrupt);
  EXPECT_EQ(KindOfReading(FixedRing(2), pack), ErrorKind::kCorrupt);  // another epoch
  const Keyring other_repository = Keyring::Parse("another", FixedRing().Serialize());
  EXPECT_EQ(KindOfReading(other_repository, pack), ErrorKind::kCorrupt);
}

TEST(Pack, IsReadWithTheKeysOfItsEpochAfterARotation) {
  const Keyring old_ring = FixedRing(1);
  const Keyring fresh = Keyring::Generate(kFixedRepositoryId);
  EpochKeys newer = fresh.current();
  newer.epoch = 2;
  const Keyring rotated(kFixedRepositoryId, {old_ring.current(), newer});
  EXPECT_EQ(ReadAll(rotated, SmallPack(old_ring).contents).size(), 2U);
  EXPECT_EQ(ReadAll(rotated, SmallPack(rotated).contents).size(), 2U);
  EXPECT_EQ(KindOfReading(old_ring, SmallPack(rotated).contents), ErrorKind::kCorrupt);
}

TEST(Pack, OfAHostThatMayOnlyAddIsReadByOthersOnly) {
  const Keyring full = FixedRing();
  const Keyring add_only = full.AddOnly();
  for (const PackKind kind : {PackKind::kData, PackKind::kWal}) {
    const base::Bytes pack = SmallPack(add_only, kind).contents;
    EXPECT_EQ(ReadAll(full, pack).at(0), base::ToBytes("one small file"));
    PackReader reader(add_only, ProvenId(pack), pack);
    EXPECT_EQ(ReadFooter(reader, pack).frames().size(), 2U);
    EXPECT_EQ(KindOfReading(add_only, pack), ErrorKind::kDenied);
  }
}

TEST(Pack, OfMetadataIsReadByAHostThatMayOnlyAdd) {
  const Keyring add_only = FixedRing().AddOnly();
  EXPECT_EQ(ReadAll(add_only, SmallPack(FixedRing(), PackKind::kMeta).contents).size(), 2U);
  EXPECT_EQ(ReadAll(FixedRing(), SmallPack(add_only, PackKind::kMeta).contents).size(), 2U);
  EXPECT_EQ(KindOfReading(add_only, SmallPack(FixedRing()).contents), ErrorKind::kDenied);
}

TEST(Pack, WithASealedKeyLosesNoFlippedBit) {
  const Keyring full = FixedRing();
  const base::Bytes pack = SmallPack(full.AddOnly()).contents;
  for (std::size_t bit = 0; bit < pack.size() * 8; ++bit) {
    base::Bytes altered = pack;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(KindOfReading(full, altered), ErrorKind::kCorrupt) << bit;
  }
}

TEST(PackBuilder, RefusesAFrameOverItsLimit) {
  PackBuilder builder(FixedRing(), PackKind::kData, {});
  const auto append = [&](FrameKind kind, std::size_t size) {
    return KindOf([&] { builder.Append(kind, base::Bytes(size)); });
  };
  EXPECT_EQ(append(FrameKind::kBytes, kMaxFrameSize + 1), ErrorKind::kInternal);
  EXPECT_EQ(append(FrameKind::kWal, kMaxLongFrameSize + 1), ErrorKind::kInternal);
  EXPECT_EQ(append(FrameKind::kTree, kMaxLongFrameSize), std::nullopt);
}

TEST(PackBuilder, RefusesPagesWithoutTheirHashes) {
  PackBuilder builder(FixedRing(), PackKind::kData, {});
  const std::vector<std::uint64_t> one{1};
  const auto append = [&](FrameKind kind, std::size_t size, std::span<const std::uint64_t> hashes) {
    return KindOf([&] { builder.Append(kind, base::Bytes(size), hashes); });
  };
  EXPECT_EQ(append(FrameKind::kPages, kPageSize, {}), ErrorKind::kInternal);
  EXPECT_EQ(append(FrameKind::kPages, 2 * kPageSize, one), ErrorKind::kInternal);
  EXPECT_EQ(append(FrameKind::kPages, kPageSize + 1, one), ErrorKind::kInternal);
  EXPECT_EQ(append(FrameKind::kPages, 0, {}), ErrorKind::kInternal);
  EXPECT_EQ(append(FrameKind::kBytes, kPageSize, one), ErrorKind::kInternal);
  EXPECT_EQ(append(FrameKind::kPages, kPageSize, one), std::nullopt);
}

TEST(PackBuilder, FinishesOnce) {
  PackBuilder builder(FixedRing(), PackKind::kData, {});
  EXPECT_EQ(KindOf([&] { static_cast<void>(builder.Finish()); }), ErrorKind::kInternal);
  builder.Append(FrameKind::kBytes, {});
  static_cast<void>(builder.Finish());
  EXPECT_EQ(KindOf([&] { static_cast<void>(builder.Finish()); }), ErrorKind::kInternal);
  EXPECT_EQ(KindOf([&] { builder.Append(FrameKind::kBytes, {}); }), ErrorKind::kInternal);
}

TEST(PackReader, SaysHowMuchOfTheEndItNeeds) {
  const Keyring ring = FixedRing();
  const base::Bytes pack = SmallPack(ring).contents;
  PackReader reader(ring, ProvenId(pack), base::ByteView(pack).first(kPackHeaderSize));
  const auto nothing = reader.ReadFooter({}, pack.size());
  EXPECT_FALSE(nothing.footer);
  EXPECT_EQ(nothing.need, kPackTrailerSize);
  const auto trailer = reader.ReadFooter(base::ByteView(pack).last(kPackTrailerSize), pack.size());
  EXPECT_FALSE(trailer.footer);
  EXPECT_GT(trailer.need, kPackTrailerSize);
  EXPECT_FALSE(reader.ReadFooter(base::ByteView(pack).last(trailer.need - 1), pack.size()).footer);
  EXPECT_TRUE(reader.ReadFooter(base::ByteView(pack).last(trailer.need), pack.size()).footer);
}

TEST(PackReader, NamesThePackThatIsNotTheOneAskedFor) {
  const Keyring ring = FixedRing();
  const FinishedPack one = SmallPack(ring);
  const FinishedPack other = SmallPack(ring);
  PackReader reader(ring, one.id, other.contents);
  try {
    ReadFooter(reader, other.contents);
    FAIL() << "it was taken";
  } catch (const base::Error& error) {
    EXPECT_NE(error.message().find(one.id.ToHex()), std::string::npos);
  }
}

TEST(PackReader, TakesNoMemoryForAFooterOverEveryLimit) {
  const Keyring ring = FixedRing();
  base::Bytes pack = SmallPack(ring).contents;
  const std::size_t size_field = pack.size() - kPackTrailerSize;
  std::fill_n(pack.begin() + static_cast<std::ptrdiff_t>(size_field), 4, std::uint8_t{0xff});
  PackReader reader(ring, PackId{}, pack);
  const auto read = [&] {
    (void)reader.ReadFooter(base::ByteView(pack).last(kPackTrailerSize), std::uint64_t{1} << 40);
  };
  EXPECT_EQ(KindOf(read), ErrorKind::kCorrupt);
}

TEST(PackReader, NamesThePackAndTheFrame) {
  const Keyring ring = FixedRing();
  const FinishedPack pack = SmallPack(ring);
  PackReader reader(ring, pack.id, pack.contents);
  const PackFooter footer = ReadFooter(reader, pack.contents);
  try {
    static_cast<void>(reader.OpenFrame(footer, 1, base::Bytes(footer.frame(1).stored_size)));
    FAIL() << "it was taken";
  } catch (const base::Error& error) {
    EXPECT_NE(error.message().find(pack.id.ToHex() + ", frame 1"), std::string::npos);
  }
}

// Footers that only someone with the keys could make.
std::optional<ErrorKind> KindOfColumns(const std::vector<FrameInfo>& frames,
                                       const std::vector<std::uint64_t>& hashes,
                                       FooterLayout layout) {
  return KindOf([&] { ParseFooterColumns(EncodeFooterColumns(frames, hashes), layout); });
}

TEST(FooterColumns, AreRefusedWhenTheyMakeNoSense) {
  const FrameInfo good{.kind = FrameKind::kPages,
                       .codec = codec::Codec::kRaw,
                       .stored_size = kPageSize + 16,
                       .raw_size = kPageSize};
  const FooterLayout layout{
      .frame_count = 1, .frames_begin = 64, .frames_end = 64 + kPageSize + 16};
  ASSERT_EQ(KindOfColumns({good}, {1}, layout), std::nullopt);

  EXPECT_EQ(KindOfColumns({good}, {}, layout), ErrorKind::kCorrupt);
  EXPECT_EQ(KindOfColumns({good}, {1, 2}, layout), ErrorKind::kCorrupt);
  EXPECT_EQ(KindOfColumns({}, {}, {.frames_begin = 64, .frames_end = 64}), ErrorKind::kCorrupt);
  for (const std::uint64_t end : {std::uint64_t{0}, layout.frames_end - 1, layout.frames_end + 1}) {
    FooterLayout other = layout;
    other.frames_end = end;
    EXPECT_EQ(KindOfColumns({good}, {1}, other), ErrorKind::kCorrupt) << end;
  }
  for (const std::uint32_t count : {0U, 2U, 0xffffffffU}) {
    FooterLayout other = layout;
    other.frame_count = count;
    EXPECT_EQ(KindOfColumns({good}, {1}, other), ErrorKind::kCorrupt) << count;
  }
  const auto with = [&](auto&& change) {
    FrameInfo frame = good;
    change(frame);
    return KindOfColumns({frame}, {1},
                         {.frame_count = 1, .frames_begin = 0, .frames_end = frame.stored_size});
  };
  EXPECT_EQ(with([](FrameInfo& f) { f.kind = static_cast<FrameKind>(0); }), ErrorKind::kCorrupt);
  EXPECT_EQ(with([](FrameInfo& f) { f.kind = static_cast<FrameKind>(9); }), ErrorKind::kCorrupt);
  EXPECT_EQ(with([](FrameInfo& f) { f.stored_size = 15; }), ErrorKind::kCorrupt);
  EXPECT_EQ(with([](FrameInfo& f) { f.stored_size += 1; }), ErrorKind::kCorrupt);
  EXPECT_EQ(with([](FrameInfo& f) { f.codec = codec::Codec::kZstd; }), ErrorKind::kCorrupt);
  EXPECT_EQ(with([](FrameInfo& f) { f.raw_size = kPageSize - 1; }), ErrorKind::kCorrupt);
  EXPECT_EQ(with([](FrameInfo& f) { f.raw_size = 0xffffffff; }), ErrorKind::kCorrupt);
}

TEST(FooterColumns, AreRefusedWhenTheyWouldUnpackToTooMuch) {
  base::ByteWriter writer;
  writer.U8(1);
  writer.U32(0xffffffff);
  EXPECT_EQ(KindOf([&] { UnpackFooterColumns(writer.view()); }), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace holdfast::repo
