#include "repo/stored_check.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/condemned.h"
#include "repo/damage_mark.h"
#include "repo/ids.h"
#include "repo/lease.h"
#include "repo/pin.h"
#include "repo/testing/model_backup.h"

namespace holdfast::repo {
namespace {

class StoredCheck : public testing::Test {
 protected:
  StoredCheck() {
    Model model;
    model.paged["base/1/1"] = ModelPage(1, 1);
    model.plain["PG_VERSION"] = base::ToBytes("15\n");
    (void)WriteModel(repository_.sound(), BackupId::Parse("shop/20261121T070000Z-4f2a"), model);
    for (const auto& object : storage::ListAll(*repository_.memory, "")) {
      names_.push_back(object.name);
    }
  }
  base::Bytes Contents(const std::string& name) { return *repository_.memory->Get(name); }

  TestRepository repository_;
  std::vector<std::string> names_;
};

TEST_F(StoredCheck, PassesWhatIsStored) {
  ASSERT_GE(names_.size(), 5U);  // config, key, two packs, snapshot
  for (const std::string& name : names_) {
    EXPECT_TRUE(IsStoredName(name)) << name;
    EXPECT_EQ(ProblemOf(name, Contents(name)), std::nullopt) << name;
  }
}

TEST_F(StoredCheck, FindsEveryAlteredByteAndEveryCut) {
  for (const std::string& name : names_) {
    const base::Bytes contents = Contents(name);
    for (std::size_t byte = 0; byte < contents.size(); ++byte) {
      base::Bytes altered = contents;
      altered[byte] ^= 0x01;
      bool found = false;
      try {
        found = ProblemOf(name, altered).has_value();
      } catch (const base::Error& error) {
        found = error.kind() == base::ErrorKind::kUsage;  // it looks like a newer format
      }
      ASSERT_TRUE(found) << name << " byte " << byte;
      ASSERT_TRUE(ProblemOf(name, base::ByteView(contents).first(byte))) << name;
    }
  }
}

TEST_F(StoredCheck, FindsObjectsThatStandUnderAnothersName) {
  for (const std::string& name : names_) {
    for (const std::string& other : names_) {
      if (name == other) continue;
      EXPECT_TRUE(ProblemOf(name, Contents(other))) << other << " under " << name;
    }
  }
}

TEST_F(StoredCheck, ReadsLeasesAndCondemnedLists) {
  const Lease lease(repository_.sound(), {.kind = "verify", .pins = {}, .log = {}});
  const std::string object = storage::ListAll(*repository_.memory, kLeasesPrefix).at(0).name;
  EXPECT_EQ(ProblemOf(object, Contents(object)), std::nullopt);
  const std::string list = NewCondemnedListObject({});
  EXPECT_EQ(ProblemOf(list, FormatCondemnedList({})), std::nullopt);
  EXPECT_EQ(ProblemOf(ExecutedMarkObject(list), FormatExecutedMark({})), std::nullopt);
  for (const std::string& name : {object, list, ExecutedMarkObject(list)}) {
    EXPECT_TRUE(ProblemOf(name, base::AsBytes("{"))) << name;
  }
}

TEST_F(StoredCheck, PassesTombstonesWhateverTheyHold) {
  EXPECT_TRUE(IsStoredName("snapshots/shop/20261121T070000Z-4f2a.del"));
  EXPECT_EQ(ProblemOf("snapshots/shop/20261121T070000Z-4f2a.del", {}), std::nullopt);
}

TEST_F(StoredCheck, ReadsPins) {
  const BackupId id = BackupId::Parse("shop/20261121T070000Z-4f2a");
  PutPin(*repository_.memory, id, std::nullopt);
  const std::string object = storage::ListAll(*repository_.memory, kPinsPrefix).at(0).name;
  EXPECT_TRUE(IsStoredName(object));
  EXPECT_EQ(ProblemOf(object, Contents(object)), std::nullopt);
  EXPECT_TRUE(ProblemOf(object, base::AsBytes("{")));
}

TEST_F(StoredCheck, PassesWithdrawalsWhateverTheyHold) {
  EXPECT_TRUE(IsStoredName("snapshots/shop/20261121T070000Z-4f2a.withdrawn"));
  EXPECT_EQ(ProblemOf("snapshots/shop/20261121T070000Z-4f2a.withdrawn", {}), std::nullopt);
}

TEST_F(StoredCheck, PassesMarksOfDamageWhateverTheyHold) {
  const std::string mark = DamageMarkObject({.bytes = {0xab, 0xcd}});
  EXPECT_EQ(mark, "damaged/abcd0000000000000000000000000000");
  EXPECT_TRUE(IsStoredName(mark));
  EXPECT_EQ(ProblemOf(mark, base::AsBytes("?")), std::nullopt);
}

TEST_F(StoredCheck, KnowsNoOtherNames) {
  for (const char* name :
       {"config2", "packs/00/x", "packs/x", "keys/", "snapshots/shop", "snapshots/shop/latest",
        "pins/shop/20261121T070000Z-4f2a", "pins/shop/20261121T070000Z-4f2a/xx", "wal/shop/7/x",
        "damaged/abcd", "damaged/ABCD0000000000000000000000000000"}) {
    EXPECT_FALSE(IsStoredName(name)) << name;
    EXPECT_EQ(ProblemOf(name, base::AsBytes("?")), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace holdfast::repo
