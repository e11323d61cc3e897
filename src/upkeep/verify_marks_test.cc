// The marks that a verification leaves on damaged packs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/damage_mark.h"
#include "repo/snapshot.h"
#include "upkeep/testing/verify_cases.h"

namespace holdfast::upkeep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> MarksOf(const Sample& sample) {
  return ObjectsUnder(*sample.repository, repo::kDamagedPrefix);
}

VerifyResult VerifyAndMark(const Sample& sample, VerifyLevel level) {
  base::NullReporter report;
  return Verify(sample.repository->repository(), {.level = level, .mark = true}, report, {});
}

TEST(Verify, MarksThePacksThatAreAlteredWhereItReadsThem) {
  const std::vector<std::string> packs = ObjectsUnder(*Whole().repository, repo::kPacksPrefix);
  for (const VerifyLevel level : {VerifyLevel::kPacks, VerifyLevel::kData}) {
    for (const std::string& object : packs) {
      const Sample sample = Whole().Clone();
      const Flip flip(sample, object, Contents(sample, object).size() / 2);
      const VerifyResult result = VerifyAndMark(sample, level);
      EXPECT_EQ(result.marked, 1U);
      EXPECT_THAT(result.warnings, IsEmpty());
      EXPECT_THAT(MarksOf(sample),
                  ElementsAre(repo::DamageMarkObject(repo::ShortPackId::Of(PackOf(object)))));
      // Once more changes nothing, and the mark itself is nothing odd.
      const VerifyResult again = VerifyAndMark(sample, level);
      EXPECT_EQ(again.marked, 1U);
      EXPECT_THAT(again.oddities, IsEmpty());
      EXPECT_THAT(MarksOf(sample), SizeIs(1));
    }
  }
}

TEST(Verify, MarksNothingThatIsSoundOrMissingOrNoPack) {
  const Sample sample = Whole().Clone();
  EXPECT_EQ(VerifyAndMark(sample, VerifyLevel::kData).marked, 0U);
  // One that is missed though the record of the last backup is damaged.
  const repo::ShortPackId pack =
      repo::ReadPackList(*sample.repository->memory, sample.backups[0].id).front();
  const std::string hex = base::ToHex(pack.bytes);
  (void)sample.repository->memory->Remove(
      ObjectsUnder(*sample.repository, "packs/" + hex.substr(0, 2) + "/" + hex).front());
  const Flip flip(sample, repo::SnapshotObject(sample.backups[2].id), 100);
  const VerifyResult result = VerifyAndMark(sample, VerifyLevel::kData);
  EXPECT_THAT(result.damages, SizeIs(2));
  EXPECT_EQ(result.marked, 0U);
  EXPECT_THAT(MarksOf(sample), IsEmpty());
}

TEST(Verify, WritesNothingUnlessToldOrWhereItDoesNotReadEverything) {
  const Sample sample = Whole().Clone();
  const std::string object = ObjectsUnder(*sample.repository, repo::kPacksPrefix).front();
  const Flip flip(sample, object, 0);
  EXPECT_THAT(VerifyAt(sample, VerifyLevel::kData).damages, SizeIs(1));
  EXPECT_THAT(VerifyAndMark(sample, VerifyLevel::kList).damages, IsEmpty());
  (void)VerifyAndMark(sample, VerifyLevel::kMetadata);
  EXPECT_THAT(MarksOf(sample), IsEmpty());
}

TEST(Verify, WarnsWhenItCannotLeaveAMark) {
  const Sample sample = Whole().Clone();
  const Flip flip(sample, ObjectsUnder(*sample.repository, repo::kPacksPrefix).front(), 100);
  sample.repository->faulty->Inject(
      {.verb = storage::Verb::kPut, .prefix = std::string(repo::kDamagedPrefix)});
  const VerifyResult result = VerifyAndMark(sample, VerifyLevel::kPacks);
  EXPECT_THAT(result.damages, SizeIs(1));
  EXPECT_EQ(result.marked, 0U);
  ASSERT_THAT(result.warnings, SizeIs(1));
  EXPECT_THAT(result.warnings[0], HasSubstr("cannot be marked"));
}

}  // namespace
}  // namespace holdfast::upkeep
