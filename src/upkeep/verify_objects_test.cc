// What a verification says of objects that are neither packs nor records of backups, and of what
// goes away meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/snapshot.h"
#include "upkeep/testing/verify_cases.h"
#include "wal/archive.h"

namespace holdfast::upkeep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Verify, ReportsFilesOfTheWalArchiveWithSeveralContents) {
  const Sample sample = Whole().Clone();
  const auto segments = ObjectsUnder(
      *sample.repository, "wal/shop/7301234567890123456/00000001/000000010000000000000001");
  ASSERT_THAT(segments, SizeIs(1));
  base::Bytes other = SampleSegment(1);
  other.back() = 1;
  {
    // The same archive elsewhere.
    const Sample elsewhere = Whole().Clone();
    (void)elsewhere.repository->memory->Remove(segments[0]);
    (void)wal::Archive(elsewhere.repository->sound(), "shop")
        .Put(kSampleSystem, "000000010000000000000001", other);
    const auto fork = ObjectsUnder(
        *elsewhere.repository, "wal/shop/7301234567890123456/00000001/000000010000000000000001");
    (void)sample.repository->memory->Put(fork.at(0), Contents(elsewhere, fork.at(0)));
  }
  const VerifyResult result = VerifyAt(sample, VerifyLevel::kList);
  EXPECT_THAT(result.damages, SizeIs(2));
  EXPECT_THAT(result.damages[0].problem, HasSubstr("2 contents"));
  EXPECT_THAT(RunWithoutKey(sample).damages, SizeIs(2));
}

TEST(Verify, FindsExchangedWalWithAKey) {
  const Sample sample = Whole().Clone();
  const auto files = ObjectsUnder(*sample.repository, "wal/shop/7301234567890123456/00000001/");
  ASSERT_THAT(files, SizeIs(2));
  Overwrite(*sample.repository, files[0], Contents(Whole(), files[1]));
  EXPECT_THAT(NamesOf(VerifyAt(sample, VerifyLevel::kData).damages), ElementsAre(files[0]));
}

TEST(Verify, NamesObjectsThatAreNotHoldfasts) {
  const Sample sample = Whole().Clone();
  const std::vector<std::string> odd = {"packs/00/notes.txt", "readme", "snapshots/shop/x",
                                        "wal/shop/7301234567890123456/00000001/core"};
  for (const std::string& name : odd) {
    (void)sample.repository->memory->Put(name, base::AsBytes("?"));
  }
  for (const VerifyLevel level : {VerifyLevel::kList, VerifyLevel::kData}) {
    const VerifyResult result = VerifyAt(sample, level);
    EXPECT_THAT(NamesOf(result.damages), IsEmpty());
    std::vector<std::string> names;
    for (const Oddity& oddity : result.oddities) names.push_back(oddity.object);
    EXPECT_EQ(names, odd);
  }
}

TEST(Verify, NamesLeasesAndCondemnedListsThatCannotBeRead) {
  const Sample sample = Whole().Clone();
  const std::vector<std::string> names = {"leases/0123456789abcdef/00000000",
                                          "prune/20261121T070003Z-4f2a",
                                          "prune/20261121T070003Z-4f2a.done"};
  for (const std::string& name : names) {
    (void)sample.repository->memory->Put(name, base::AsBytes("{\"pins\": "));
  }
  EXPECT_EQ(NamesOf(VerifyAt(sample, VerifyLevel::kData).damages), names);
  EXPECT_EQ(NamesOf(RunWithoutKey(sample).damages), names);
}

TEST(Verify, MissesAConfigThatIsGone) {
  const Sample sample = Whole().Clone();
  (void)sample.repository->memory->Remove(repo::kConfigObject);
  EXPECT_THAT(NamesOf(VerifyAt(sample, VerifyLevel::kList).damages), ElementsAre("config"));
  EXPECT_THROW((void)RunWithoutKey(sample), base::Error);
}

TEST(Verify, PassesOverBackupsThatAreBeingDeleted) {
  const Sample sample = Whole().Clone();
  for (const repo::Snapshot& backup : sample.backups) {
    (void)sample.repository->memory->Put(repo::TombstoneObject(backup.id), {});
  }
  for (const std::string& pack : ObjectsUnder(*sample.repository, repo::kPacksPrefix)) {
    (void)sample.repository->memory->Remove(pack);
  }
  EXPECT_THAT(NamesOf(VerifyAt(sample, VerifyLevel::kData).damages), IsEmpty());
  EXPECT_THAT(NamesOf(RunWithoutKey(sample).damages), IsEmpty());
}

// Deletes a backup and what it alone needs while it is being verified.
class PrunedMeanwhile final : public base::Reporter {
 public:
  explicit PrunedMeanwhile(const Sample& sample) : sample_(sample) {}
  void Note(std::string_view) override {}
  void Warn(std::string_view) override {}
  void BeginPhase(std::string_view, std::uint64_t) override {
    (void)sample_.repository->memory->Put(repo::TombstoneObject(sample_.backups[2].id), {});
    for (const auto& pack :
         repo::ReadPackList(*sample_.repository->memory, sample_.backups[2].id)) {
      for (const std::string& object : ObjectsUnder(*sample_.repository, repo::kPacksPrefix)) {
        if (repo::ShortPackId::Of(PackOf(object)) != pack) continue;
        (void)sample_.repository->memory->Remove(object);
      }
    }
  }
  void Advance(std::uint64_t) override {}
  void EndPhase() override {}

 private:
  const Sample& sample_;
};

TEST(Verify, TakesWhatIsPrunedMeanwhileForNoDamage) {
  const Sample sample = Whole().Clone();
  PrunedMeanwhile report(sample);
  const VerifyResult result = Verify(sample.repository->repository(), {}, report, {});
  EXPECT_THAT(NamesOf(result.damages), IsEmpty());
}

}  // namespace
}  // namespace holdfast::upkeep
