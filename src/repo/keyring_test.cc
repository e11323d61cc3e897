#include "repo/keyring.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/testing/fixed_ring.h"

namespace holdfast::repo {
namespace {

TEST(Keyring, SurvivesBeingStored) {
  const Keyring ring = Keyring::Generate("id");
  for (const Keyring& original : {ring, ring.AddOnly(), FixedRing(7)}) {
    const Keyring read = Keyring::Parse("id", original.Serialize());
    EXPECT_EQ(read.Serialize(), original.Serialize());
    EXPECT_EQ(read.repository_id(), "id");
    EXPECT_EQ(read.current().data.has_value(), original.current().data.has_value());
  }
}

TEST(Keyring, OfAHostThatMayOnlyAddHoldsNothingThatReads) {
  const Keyring ring = FixedRing().AddOnly();
  const EpochKeys& keys = ring.current();
  EXPECT_FALSE(keys.data.has_value());
  EXPECT_TRUE(keys.seal_secret_key.empty());
  EXPECT_FALSE(ring.opens_content());
  EXPECT_TRUE(FixedRing().opens_content());
}

TEST(Keyring, OpensContentOnlyWhenItDoesSoOfEveryEpoch) {
  EpochKeys second = FixedRing(2).AddOnly().current();
  const Keyring mixed(kFixedRepositoryId, {FixedRing(1).current(), second});
  EXPECT_FALSE(mixed.opens_content());
  second.data = FixedRing(2).current().data;
  EXPECT_FALSE(Keyring(kFixedRepositoryId, {second}).opens_content());
}

TEST(Keyring, IsRefusedWhenCutOrContinued) {
  base::Bytes stored = FixedRing().Serialize();
  for (std::size_t size = 0; size < stored.size(); ++size) {
    EXPECT_THROW(Keyring::Parse("id", base::ByteView(stored).first(size)), base::Error) << size;
  }
  stored.push_back(0);
  EXPECT_THROW(Keyring::Parse("id", stored), base::Error);
}

TEST(Keyring, NeedsAscendingEpochs) {
  const EpochKeys first = FixedRing(1).current();
  const EpochKeys second = FixedRing(2).current();
  EXPECT_EQ(Keyring("id", {first, second}).current().epoch, 2U);
  EXPECT_EQ(Keyring("id", {first, second}).epoch(1).epoch, 1U);
  EXPECT_THROW(Keyring("id", {second, first}), base::Error);
  EXPECT_THROW(Keyring("id", {first, first}), base::Error);
  EXPECT_THROW(Keyring("id", {}), base::Error);
  EXPECT_THROW(static_cast<void>(FixedRing(1).epoch(2)), base::Error);
}

TEST(Keyring, HashesTheSameAfterARotationAndWithoutDataKeys) {
  const Keyring ring = FixedRing();
  EpochKeys newer = Keyring::Generate("x").current();
  newer.epoch = 2;
  const Keyring rotated(kFixedRepositoryId, {ring.current(), newer});
  const base::Bytes page(8192, 5);
  for (const Keyring& other : {rotated, ring.AddOnly()}) {
    EXPECT_EQ(other.page_hasher()(page), ring.page_hasher()(page));
    EXPECT_EQ(other.ContentDigest("wal", page), ring.ContentDigest("wal", page));
  }
}

TEST(Keyring, HashesDifferentlyForOtherKeysPurposesAndRepositories) {
  const Keyring ring = FixedRing();
  const Keyring moved = Keyring::Parse("another", ring.Serialize());
  const Keyring other = Keyring::Generate(kFixedRepositoryId);
  const base::Bytes page(8192, 5);
  EXPECT_NE(ring.ContentDigest("wal", page), ring.ContentDigest("dump", page));
  EXPECT_NE(ring.ContentDigest("wal", page), moved.ContentDigest("wal", page));
  EXPECT_NE(ring.ContentDigest("wal", page), other.ContentDigest("wal", page));
  EXPECT_NE(ring.page_hasher()(page), moved.page_hasher()(page));
  EXPECT_NE(ring.page_hasher()(page), other.page_hasher()(page));
}

}  // namespace
}  // namespace holdfast::repo
