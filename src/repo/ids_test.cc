#include "repo/ids.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::repo {
namespace {

TEST(PackId, ReadsOnlyTheHexItWrites) {
  PackId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i)
    id.bytes[i] = static_cast<std::uint8_t>(200 + i);
  const std::string hex = id.ToHex();
  EXPECT_EQ(PackId::FromHex(hex), id);
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& bad :
       {std::string(), hex.substr(1), hex + "00", upper, "g" + hex.substr(1)}) {
    EXPECT_THROW(PackId::FromHex(bad), base::Error) << bad;
  }
}

TEST(PackId, NamesItsObjectAndItsShortForm) {
  PackId id;
  id.bytes[0] = 0xab;
  id.bytes[15] = 0xcd;
  id.bytes[16] = 0xff;
  EXPECT_EQ(PackObject(id), "packs/ab/" + id.ToHex());
  EXPECT_EQ(base::ToHex(ShortPackId::Of(id).bytes), "ab0000000000000000000000000000cd");
  EXPECT_TRUE(PackId{}.IsSelf());
  EXPECT_FALSE(id.IsSelf());
}

TEST(BackupId, IsMadeOfSourceAndSecond) {
  const BackupId id = BackupId::New("shop", base::Time(std::chrono::seconds(1'800'000'000)));
  EXPECT_EQ(id.name.substr(0, 17), "20270115T080000Z-");
  EXPECT_EQ(BackupId::Parse(id.ToString()), id);
  EXPECT_EQ(SnapshotObject(id), "snapshots/" + id.ToString());
  EXPECT_EQ(TombstoneObject(id), "snapshots/" + id.ToString() + ".del");
}

TEST(BackupId, IsRefusedInAnyOtherForm) {
  EXPECT_NO_THROW(BackupId::Parse("s-1.a_b/20270115T080000Z-4f2a"));
  for (const char* text :
       {"", "shop", "shop/", "/20270115T080000Z-4f2a", "shop/latest", "shop/20270115T080000Z-4F2A",
        "shop/20270115T080000Z-4f2", "shop/20270115T080000Z-4f2a.del", "Shop/20270115T080000Z-4f2a",
        "../20270115T080000Z-4f2a", "a/b/20270115T080000Z-4f2a"}) {
    EXPECT_THROW(BackupId::Parse(text), base::Error) << text;
  }
}

TEST(SourceName, HasItsOwnLetters) {
  EXPECT_NO_THROW(CheckSourceName("0"));
  EXPECT_NO_THROW(CheckSourceName(std::string(64, 'a')));
  for (const std::string& bad : {std::string(), std::string(65, 'a'), std::string(".a"),
                                 std::string("-a"), std::string("a/b"), std::string("a b")}) {
    EXPECT_THROW(CheckSourceName(bad), base::Error) << bad;
  }
}

}  // namespace
}  // namespace holdfast::repo
