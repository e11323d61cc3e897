#include "upkeep/usage.h"

#include <gmock/gmock.h>

#include <functional>

#include "repo/pin.h"
#include "storage/storage.h"
#include "upkeep/testing/prune_fixture.h"

namespace holdfast::upkeep {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class UsageTest : public PruneFixture {
 protected:
  Usage Measured() { return MeasureUsage(*test.memory, test.memory->StoreTime(), 2, {}); }
  std::uint64_t BytesUnder(std::string_view prefix) const {
    std::uint64_t bytes = 0;
    for (const auto& object : storage::ListAll(*test.memory, prefix)) bytes += object.size;
    return bytes;
  }
};

TEST_F(UsageTest, CountsEveryByteOnce) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2, "shop/1");
  PutSegments(1, 1, 3);
  (void)test.memory->Put("wal/stray", base::AsBytes("abc"));
  const Usage usage = Measured();
  EXPECT_EQ(usage.all.bytes, BytesUnder(""));
  EXPECT_EQ(usage.packs.bytes, BytesUnder("packs/"));
  EXPECT_EQ(usage.log.bytes, BytesUnder("wal"));
  EXPECT_EQ(usage.sources[0].logs[0].objects.objects, 3U);
  EXPECT_THAT(usage.unknown, testing::ElementsAre("wal/stray"));
}

TEST_F(UsageTest, CountsFilesOfTheLogThatWereStoredInTheLastMonth) {
  PutSegments(1, 1, 3);
  EXPECT_EQ(Measured().sources[0].logs[0].files_last_month, 3U);
  const Usage later =
      MeasureUsage(*test.memory, test.memory->StoreTime() + std::chrono::days(31), 2, {});
  EXPECT_EQ(later.sources[0].logs[0].files_last_month, 0U);
  EXPECT_EQ(later.sources[0].logs[0].objects.objects, 3U);
}

// Puts packs and WAL while it is being measured, right before it lists everything.
class Growing final : public storage::Storage {
 public:
  explicit Growing(storage::Storage& below) : below_(below) {}
  storage::PutOutcome Put(std::string_view name, base::ByteView contents) override {
    return below_.Put(name, contents);
  }
  std::optional<base::Bytes> Get(std::string_view name) override { return below_.Get(name); }
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override {
    return below_.GetRange(name, offset, length);
  }
  std::optional<storage::ObjectInfo> Stat(std::string_view name) override {
    return below_.Stat(name);
  }
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const storage::ObjectInfo&)>& visit) override {
    below_.List(prefix, after, visit);
    if (!prefix.empty()) return;
    const auto packs = storage::ListAll(below_, "packs/");
    for (const storage::ObjectInfo& pack : packs) (void)below_.Remove(pack.name);
    (void)below_.Put("wal/late", base::Bytes(100'000, 1));
  }
  storage::RemoveOutcome Remove(std::string_view name) override { return below_.Remove(name); }
  base::Time StoreTime() override { return below_.StoreTime(); }
  storage::StorageTraits traits() const override { return below_.traits(); }

 private:
  storage::Storage& below_;
};

TEST_F(UsageTest, ItsSumsFitTogetherThoughMuchChangesMeanwhile) {
  BackUp("shop/1", 1);
  PutSegments(1, 1, 3);
  Growing growing(*test.memory);
  const Usage usage = MeasureUsage(growing, test.memory->StoreTime(), 2, {});
  EXPECT_LE(usage.packs.bytes + usage.log.bytes, usage.all.bytes);
  EXPECT_LE(usage.packs.objects + usage.log.objects, usage.all.objects);
}

TEST_F(UsageTest, TellsWhatForgettingABackupFrees) {
  BackUp("shop/1", 1);
  BackUp("shop/2", 2, "shop/1");
  const Usage before = Measured();
  ASSERT_THAT(before.sources, SizeIs(1));
  const BackupUsage& first = before.sources[0].backups.at(0);
  const BackupUsage& second = before.sources[0].backups.at(1);
  EXPECT_EQ(before.unneeded->bytes, 0U);
  EXPECT_EQ(before.sources[0].packs, before.packs);
  EXPECT_LT(second.unique->bytes, second.packs.bytes);
  EXPECT_EQ(first.packs.bytes + second.unique->bytes, before.packs.bytes);
  Forget("shop/2");
  const Usage after = Measured();
  EXPECT_EQ(after.unneeded, second.unique);
  EXPECT_TRUE(after.sources[0].backups[1].forgotten);
  EXPECT_EQ(after.sources[0].backups[1].unique, second.unique);
  EXPECT_EQ(after.sources[0].backups[0].unique, after.sources[0].backups[0].packs);
}

TEST_F(UsageTest, CountsAForgottenBackupThatIsPinnedAsNeeded) {
  BackUp("shop/1", 1);
  Forget("shop/1");
  repo::PutPin(*test.memory, Id("shop/1"), std::nullopt);
  const Usage usage = Measured();
  EXPECT_FALSE(usage.sources[0].backups[0].forgotten);
  EXPECT_EQ(usage.unneeded->objects, 0U);
}

TEST_F(UsageTest, NamesABackupThatCannotBeReadAndClaimsNothingOfWhatOnlyOneNeeds) {
  BackUp("shop/1", 1);
  (void)test.memory->Put("snapshots/shop/20261121T070003Z-4f2a", base::AsBytes("nothing"));
  const Usage usage = Measured();
  ASSERT_THAT(usage.unreadable, SizeIs(1));
  EXPECT_THAT(usage.unreadable[0], HasSubstr("20261121T070003Z-4f2a"));
  EXPECT_FALSE(usage.unneeded);
  EXPECT_FALSE(usage.sources[0].backups.at(0).unique);
  EXPECT_EQ(usage.all.bytes, BytesUnder(""));
}

TEST_F(UsageTest, CountsPacksThatABackupLacks) {
  BackUp("shop/1", 1);
  const std::uint64_t packs = Measured().packs.objects;
  (void)test.memory->Remove(storage::ListAll(*test.memory, "packs/").front().name);
  const Usage usage = Measured();
  EXPECT_EQ(usage.sources[0].backups[0].missing_packs, 1U);
  EXPECT_EQ(usage.sources[0].backups[0].packs.objects, packs - 1);
}

TEST_F(UsageTest, TellsTheRangeOfEachTimeline) {
  PutSegments(1, 3, 5);
  PutSegments(2, 5, 6);
  const Usage usage = Measured();
  ASSERT_THAT(usage.sources, SizeIs(1));
  ASSERT_THAT(usage.sources[0].logs, SizeIs(2));
  const LogUsage& first = usage.sources[0].logs[0];
  EXPECT_EQ(first.timeline, 1U);
  EXPECT_EQ(first.objects.objects, 3U);
  EXPECT_LT(first.start, first.end);
  EXPECT_EQ(usage.sources[0].logs[1].objects.objects, 2U);
  EXPECT_THAT(usage.unreadable, IsEmpty());
}

TEST(MonthlyGrowthTest, IsByTheDaysThatThereAre) {
  Usage usage;
  usage.now = base::Time() + std::chrono::days(100);
  usage.growth.last_month = 300;
  EXPECT_FALSE(MonthlyGrowth(usage));
  usage.oldest = usage.now - std::chrono::hours(2);
  EXPECT_FALSE(MonthlyGrowth(usage));
  // A first full backup says nothing about the pace.
  usage.oldest = usage.now - std::chrono::days(13);
  EXPECT_FALSE(MonthlyGrowth(usage));
  usage.oldest = usage.now - std::chrono::days(15);
  EXPECT_EQ(MonthlyGrowth(usage), 600U);
  usage.oldest = usage.now - std::chrono::days(90);
  EXPECT_EQ(MonthlyGrowth(usage), 300U);
}

}  // namespace
}  // namespace holdfast::upkeep
