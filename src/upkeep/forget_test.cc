#include "upkeep/forget.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "base/time_text.h"
#include "catalog/cluster_facts.h"
#include "repo/pin.h"
#include "repo/snapshot_codec.h"
#include "repo/testing/model_backup.h"
#include "storage/storage.h"
#include "upkeep/testing/sample_repository.h"
#include "wal/archive.h"

namespace holdfast::upkeep {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Draft {
  std::string source = "shop";
  std::string kind = "dump";
  std::uint64_t size = 100 * base::kMiB;
  std::size_t bad_pages = 0;
  bool pinned = false;
  std::map<std::string, std::string> labels = {};
  std::optional<repo::LogRange> log = {};
  std::vector<repo::ShortPackId> packs = {};
};

class ForgetTest : public testing::Test {
 protected:
  // A day goes by before each.
  repo::BackupId Add(const Draft& draft = {}) {
    test.clock.Advance(days(1));
    repo::Snapshot snapshot;
    snapshot.id = repo::BackupId::New(draft.source, test.clock.Now());
    snapshot.sequence = ++sequence_;
    snapshot.pack_count = draft.packs.size();
    snapshot.facts.kind = draft.kind;
    snapshot.facts.started = test.clock.Now();
    snapshot.facts.finished = test.clock.Now();
    snapshot.facts.tree.total_size = draft.size;
    snapshot.facts.labels = draft.labels;
    snapshot.facts.pinned = draft.pinned;
    snapshot.facts.log = draft.log;
    if (draft.kind == "cluster") snapshot.facts.attributes = catalog::ToJson(FactsOf(draft));
    (void)test.memory->Put(repo::SnapshotObject(snapshot.id),
                           repo::EncodeSnapshot(test.sound().keyring(), snapshot, draft.packs));
    return snapshot.id;
  }

  static catalog::ClusterFacts FactsOf(const Draft& draft) {
    catalog::ClusterFacts facts;
    facts.system = kSampleSystem;
    facts.timeline = pg::TimelineId(draft.log->timeline);
    facts.start_lsn = pg::Lsn(draft.log->start);
    facts.stop_lsn = pg::Lsn(draft.log->stop);
    for (std::size_t i = 0; i < draft.bad_pages; ++i) {
      facts.bad_pages.push_back({.path = "base/1/1", .block = 7});
    }
    return facts;
  }

  ForgetResult ByPolicy(const RetentionPolicy& policy, ForgetOptions options = {}) {
    return ForgetByPolicy(
        test.repository(), {},
        [&](const repo::Snapshot& snapshot) -> std::optional<NamedPolicy> {
          if (snapshot.facts.labels.contains("by hand")) return std::nullopt;
          return NamedPolicy{.name = "job base", .policy = policy};
        },
        options);
  }
  ForgetResult ByName(const std::vector<repo::BackupId>& ids, const ForgetOptions& options = {}) {
    return ForgetByName(test.repository(), ids, options);
  }
  base::Error Refusal(const std::vector<repo::BackupId>& ids, const ForgetOptions& options = {}) {
    const auto before = Listed();
    try {
      (void)ByName(ids, options);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kConflict);
      EXPECT_EQ(Listed(), before);
      return error;
    }
    ADD_FAILURE() << "it was not refused";
    return {base::ErrorKind::kInternal, ""};
  }
  std::vector<repo::BackupId> Listed() { return repo::ListBackups(test.sound()); }

  repo::TestRepository test;
  std::uint64_t sequence_ = 0;
};

TEST_F(ForgetTest, ForgetsWhatThePolicyDoesNotKeepAndSaysWhatKeepsTheRest) {
  const auto first = Add();
  const auto second = Add();
  const auto third = Add();
  const ForgetResult result = ByPolicy({.last = 2});
  EXPECT_THAT(result.forgotten, ElementsAre(first));
  EXPECT_THAT(Listed(), ElementsAre(second, third));
  ASSERT_EQ(result.series.size(), 1U);
  EXPECT_EQ(result.series[0].policy, "job base: last 2");
  const auto& verdicts = result.series[0].backups;
  ASSERT_EQ(verdicts.size(), 3U);
  EXPECT_EQ(verdicts[0].backup.id, third);
  EXPECT_THAT(verdicts[1].reasons, ElementsAre("last"));
  EXPECT_TRUE(verdicts[2].forgotten);
  EXPECT_TRUE(ByPolicy({.last = 2}).forgotten.empty());
}

TEST_F(ForgetTest, ADryRunSaysTheSameAndForgetsNothing) {
  const auto first = Add();
  (void)Add();
  EXPECT_THAT(ByPolicy({.last = 1}, {.dry_run = true}).forgotten, ElementsAre(first));
  EXPECT_EQ(Listed().size(), 2U);
  EXPECT_THAT(ByPolicy({.last = 1}).forgotten, ElementsAre(first));
}

TEST_F(ForgetTest, JudgesSourcesKindsAndDatabasesApart) {
  for (int i = 0; i < 2; ++i) {
    (void)Add({.labels = {{"database", "a"}}});
    (void)Add({.labels = {{"database", "b"}}});
    (void)Add({.kind = "volume"});
    (void)Add({.source = "lab"});
  }
  EXPECT_EQ(ByPolicy({.last = 1}).forgotten.size(), 4U);
  EXPECT_EQ(Listed().size(), 4U);
}

TEST_F(ForgetTest, KeepsWhatNoPolicyAppliesTo) {
  const auto first = Add({.labels = {{"by hand", "yes"}}});
  const auto second = Add({.labels = {{"by hand", "yes"}}});
  (void)Add();
  const ForgetResult result = ByPolicy({.last = 1});
  EXPECT_THAT(result.forgotten, IsEmpty());
  EXPECT_EQ(Listed().size(), 3U);
}

TEST_F(ForgetTest, KeepsPinnedOnes) {
  const auto pinned = Add();
  const auto by_record = Add({.pinned = true});
  const auto last = Add();
  repo::PutPin(*test.memory, pinned, test.clock.Now() + days(1));
  EXPECT_THAT(ByPolicy({.last = 1}).forgotten, IsEmpty());
  EXPECT_THAT(Refusal({pinned}).message(), HasSubstr("is pinned"));
  EXPECT_THAT(Refusal({by_record}).message(), HasSubstr("made to be kept"));
  test.clock.Advance(days(1));
  EXPECT_THAT(ByPolicy({.last = 1}).forgotten, ElementsAre(pinned));
  (void)ByName({by_record}, {.even_pinned = true});
  EXPECT_THAT(Listed(), ElementsAre(last));
}

TEST_F(ForgetTest, RefusesTheLastGoodBackupUnlessTold) {
  const auto first = Add();
  const auto second = Add();
  EXPECT_THAT(Refusal({first, second}).message(), HasSubstr("no good dump backup of shop"));
  (void)ByName({first});
  (void)Refusal({second});
  (void)ByName({second}, {.even_last = true});
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_THAT(base::AsText(*test.memory->Get(repo::TombstoneObject(second))),
              HasSubstr("even_last"));
}

TEST_F(ForgetTest, ABackupThatLacksAPackDoesNotCountAsGood) {
  const auto good = Add();
  const auto bad = Add({.packs = {repo::ShortPackId{}}});
  EXPECT_THAT(Refusal({good}).message(), HasSubstr("no good dump backup"));
  (void)ByName({bad});
  EXPECT_THAT(Listed(), ElementsAre(good));
}

TEST_F(ForgetTest, ABackupWithAPackThatWasFoundDamagedDoesNotCountAsGood) {
  const auto pack = repo::PackId::FromHex(std::string(64, 'a'));
  (void)test.memory->Put(repo::PackObject(pack), {});
  const auto good = Add();
  const auto bad = Add({.packs = {repo::ShortPackId::Of(pack)}});
  EXPECT_THAT(ByPolicy({.last = 1}, {.dry_run = true}).forgotten, ElementsAre(good));
  repo::MarkDamaged(*test.memory, repo::ShortPackId::Of(pack));
  const ForgetResult kept = ByPolicy({.last = 1});
  EXPECT_THAT(kept.forgotten, IsEmpty());
  EXPECT_THAT(kept.series[0].backups.front().flaw, HasSubstr("found damaged"));
  EXPECT_THAT(Refusal({good}).message(), HasSubstr("no good dump backup"));
  (void)ByName({bad});
  EXPECT_THAT(Listed(), ElementsAre(good));
}

TEST_F(ForgetTest, AnUnreadableRecordCanBeForgottenByNameOnly) {
  const auto broken = Add();
  (void)Add();
  (void)Add();
  test.faulty->FlipBitAtRest(repo::SnapshotObject(broken), 300);
  const ForgetResult result = ByPolicy({.last = 2});
  ASSERT_EQ(result.unreadable.size(), 1U);
  EXPECT_EQ(result.unreadable[0].id, broken);
  EXPECT_THAT(result.forgotten, IsEmpty());
  EXPECT_THAT(ByName({broken}).forgotten, ElementsAre(broken));
  EXPECT_EQ(Listed().size(), 2U);
}

TEST_F(ForgetTest, RefusesWhenTheNewestBackupIsNotGood) {
  (void)Add();
  (void)Add();
  const auto bad = Add({.packs = {repo::ShortPackId{}}});
  const ForgetResult refused = ByPolicy({.last = 1});
  EXPECT_THAT(refused.forgotten, IsEmpty());
  ASSERT_TRUE(refused.series[0].refusal);
  EXPECT_THAT(refused.series[0].refusal->message(), HasSubstr("1 of its packs is missing"));
  EXPECT_EQ(Listed().size(), 3U);
  EXPECT_EQ(ByPolicy({.last = 1}, {.despite_warnings = true}).forgotten.size(), 1U);
  EXPECT_EQ(Listed().back(), bad);
}

TEST_F(ForgetTest, RefusesWhenTheSourceLostHalfOfItsSize) {
  (void)Add();
  (void)Add();
  (void)Add({.size = 49 * base::kMiB});
  const ForgetResult refused = ByPolicy({.last = 1});
  ASSERT_TRUE(refused.series[0].refusal);
  EXPECT_THAT(refused.series[0].refusal->message(), HasSubstr("lost data"));
  // Once a backup of the new size has a good one of that size before it, it is the normal state.
  (void)Add({.size = 49 * base::kMiB});
  EXPECT_EQ(ByPolicy({.last = 1}).forgotten.size(), 3U);
}

TEST_F(ForgetTest, RefusesAfterABackupThatBrokeOff) {
  (void)Add();
  (void)Add();
  test.clock.Advance(days(1));
  (void)test.memory->Put(
      "leases/00000000000000aa/00000000",
      base::AsBytes(fmt::format(R"({{"writer":"00000000000000aa","kind":"backup","host":"db1",)"
                                R"("started_at":"{}","pins":[],)"
                                R"("backup":"shop/20270301T000000Z-0000"}})",
                                base::FormatRfc3339(test.clock.Now()))));
  EXPECT_EQ(ByPolicy({.last = 1}, {.dry_run = true}).forgotten.size(), 1U);  // it may still run
  test.clock.Advance(std::chrono::hours(3));
  const ForgetResult refused = ByPolicy({.last = 1});
  ASSERT_TRUE(refused.series[0].refusal);
  EXPECT_THAT(refused.series[0].refusal->message(), HasSubstr("broke off"));
  (void)Add();
  EXPECT_EQ(ByPolicy({.last = 1}).forgotten.size(), 2U);
}

TEST_F(ForgetTest, RefusesALargeShareUnlessTold) {
  for (int i = 0; i < 10; ++i) (void)Add();
  const ForgetResult refused = ByPolicy({.last = 3});
  EXPECT_THAT(refused.forgotten, IsEmpty());
  EXPECT_THAT(refused.series[0].refusal->message(), HasSubstr("7 of the 10"));
  EXPECT_EQ(Listed().size(), 10U);
  EXPECT_EQ(ByPolicy({.last = 3}, {.allowed_share = 70}).forgotten.size(), 7U);
}

TEST_F(ForgetTest, OneSourceThatIsRefusedDoesNotHoldUpAnother) {
  (void)Add();
  (void)Add();
  (void)Add({.packs = {repo::ShortPackId{}}});
  (void)Add({.source = "lab"});
  (void)Add({.source = "lab"});
  EXPECT_EQ(ByPolicy({.last = 1}).forgotten.size(), 1U);
}

TEST_F(ForgetTest, ABackupWithDamagedPagesOrWithoutItsWalIsNotGood) {
  wal::Archive archive(test.sound(), "shop");
  (void)archive.Put(kSampleSystem, "000000010000000000000001", SampleSegment(1));
  const auto at = [](std::uint64_t place) {
    return repo::LogRange{
        .system = kSampleSystem.value(), .timeline = 1, .start = place, .stop = place + 100};
  };
  const auto good = Add({.kind = "cluster", .log = at(base::kMiB + 40)});
  (void)Add({.kind = "cluster", .bad_pages = 2, .log = at(base::kMiB + 400)});
  (void)Add({.kind = "cluster", .log = at(5 * base::kMiB)});
  const ForgetResult result = ByPolicy({.last = 1}, {.dry_run = true});
  const auto& verdicts = result.series[0].backups;
  EXPECT_THAT(verdicts[0].flaw, HasSubstr("WAL"));
  EXPECT_THAT(verdicts[1].flaw, HasSubstr("2 pages"));
  EXPECT_THAT(verdicts[2].flaw, "");
  EXPECT_THAT(result.forgotten, IsEmpty());
  EXPECT_THAT(Refusal({good}).message(), HasSubstr("no good cluster backup"));
}

// Another host puts an object at the worst moment: just before a tombstone. And the machine may
// stand still before it lists pins, or before it takes a tombstone back.
class PuttingOther final : public storage::Storage {
 public:
  PuttingOther(std::shared_ptr<storage::Storage> below, std::string object)
      : below_(std::move(below)), object_(std::move(object)) {}
  std::function<void()> before_listing_pins = [] {};
  std::function<void()> before_removing = [] {};
  storage::PutOutcome Put(std::string_view name, base::ByteView contents) override {
    if (name.ends_with(repo::kTombstoneSuffix)) (void)below_->Put(object_, {});
    return below_->Put(name, contents);
  }
  std::optional<base::Bytes> Get(std::string_view name) override { return below_->Get(name); }
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override {
    return below_->GetRange(name, offset, length);
  }
  std::optional<storage::ObjectInfo> Stat(std::string_view name) override {
    return below_->Stat(name);
  }
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const storage::ObjectInfo&)>& visit) override {
    // Not those of the examination, before any tombstone.
    if (prefix.starts_with(repo::kPinsPrefix) && below_->Stat(object_)) before_listing_pins();
    below_->List(prefix, after, visit);
  }
  storage::RemoveOutcome Remove(std::string_view name) override {
    before_removing();
    return below_->Remove(name);
  }
  base::Time StoreTime() override { return below_->StoreTime(); }
  storage::StorageTraits traits() const override { return below_->traits(); }

 private:
  std::shared_ptr<storage::Storage> below_;
  std::string object_;
};

TEST_F(ForgetTest, TakesItBackWhenAnotherForgotTheRestMeanwhile) {
  const auto first = Add();
  const auto second = Add();
  const repo::Repository other = repo::Repository::Open(
      std::make_shared<PuttingOther>(test.memory, repo::TombstoneObject(second)), test.clock,
      repo::TestUnlock());
  EXPECT_THROW((void)ForgetByName(other, {first}, {}), base::Error);
  EXPECT_THAT(Listed(), ElementsAre(first));
}

TEST_F(ForgetTest, TakesItBackWhenAnotherPinnedOneMeanwhile) {
  const auto first = Add();
  const auto second = Add();
  const auto third = Add();
  const repo::Repository other = repo::Repository::Open(
      std::make_shared<PuttingOther>(test.memory, repo::PinsOf(second) + "0123456789abcdef"),
      test.clock, repo::TestUnlock());
  EXPECT_THROW((void)ForgetByName(other, {first, second}, {}), base::Error);
  EXPECT_THAT(Listed(), ElementsAre(first, second, third));
}

// What prune may be deleting must not come back.
class LateForgetTest : public ForgetTest {
 protected:
  // A backup that is pinned meanwhile.
  void ForgetPinned(const repo::BackupId& id, std::function<void()> before_listing_pins,
                    std::function<void()> before_removing) {
    const auto storage =
        std::make_shared<PuttingOther>(test.memory, repo::PinsOf(id) + "0123456789abcdef");
    storage->before_listing_pins = std::move(before_listing_pins);
    storage->before_removing = std::move(before_removing);
    const repo::Repository other = repo::Repository::Open(storage, test.clock, repo::TestUnlock());
    EXPECT_THROW((void)ForgetByName(other, {id}, {}), base::Error);
  }
  void ADayGoesBy() { test.clock.Advance(repo::kGrace); }

  const repo::BackupId first = Add();
  const repo::BackupId second = Add();
};

TEST_F(LateForgetTest, TakesNothingBackThatADayAgoWasForgotten) {
  ForgetPinned(
      first, [&] { ADayGoesBy(); }, [] { ADD_FAILURE(); });
  EXPECT_THAT(Listed(), ElementsAre(second));
}

TEST_F(LateForgetTest, ForgetsAgainWhenADayWentByBeforeItTookItBack) {
  ForgetPinned(
      first, [] {}, [&] { ADayGoesBy(); });
  EXPECT_THAT(Listed(), ElementsAre(second));
}

TEST_F(LateForgetTest, ForgetsAgainWhatLacksAPackWhenItWasTakenBack) {
  const auto third = Add({.packs = {repo::ShortPackId{}}});
  ForgetPinned(
      third, [] {}, [] {});
  EXPECT_THAT(Listed(), ElementsAre(first, second));
}

}  // namespace
}  // namespace holdfast::upkeep
