#include "upkeep/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "repo/pack.h"
#include "repo/writer.h"
#include "upkeep/testing/expected_hits.h"
#include "upkeep/testing/verify_cases.h"

namespace holdfast::upkeep {
namespace {

using base::ErrorKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

bool CarriesChecksum(std::string_view name) {
  return !name.starts_with(repo::kLeasesPrefix) && !name.starts_with(repo::kPrunePrefix);
}

std::vector<std::string> CheckedObjects(const Sample& sample) {
  std::vector<std::string> names = ObjectsUnder(*sample.repository, "");
  std::erase_if(names, [](const std::string& name) { return !CarriesChecksum(name); });
  return names;
}

// What the flip of a byte takes: the frame it lies in, or the whole pack.
BadPack TakenBy(const base::Bytes& pack, const repo::PackId& id, std::size_t byte) {
  const repo::Keyring& keyring = Whole().repository->sound().keyring();
  repo::PackReader reader(keyring, id, pack);
  const auto footer = reader.ReadFooter(pack, pack.size()).footer;
  BadPack bad{.whole = true, .frames = std::vector<bool>(footer->frames().size())};
  for (std::uint32_t i = 0; i < footer->frames().size(); ++i) {
    const repo::FrameInfo& frame = footer->frame(i);
    if (byte < frame.offset || byte >= frame.offset + frame.stored_size) continue;
    bad.whole = false;
    bad.frames[i] = true;
  }
  return bad;
}

BadPacks WholeAll(const std::vector<std::string>& objects) {
  BadPacks bad;
  for (const std::string& object : objects) bad[PackOf(object)] = {.whole = true, .frames = {}};
  return bad;
}

Hits Expected(const BadPacks& bad) {
  return ExpectedHits(Whole().repository->sound(), Whole().backups, bad);
}

// Of a backup's record: which format it is in.
constexpr std::size_t kFormatByte = std::string_view("HFSNAP").size();

// The start, the end, and places between: a prime apart, so that all parts are met.
std::vector<std::size_t> Offsets(std::size_t size, std::size_t step) {
  std::vector<std::size_t> offsets;
  for (std::size_t byte = 0; byte < size; byte += step) offsets.push_back(byte);
  offsets.push_back(size - 1);
  return offsets;
}

TEST(Verify, FindsNothingWrongWithARepositoryThatIsWhole) {
  for (const VerifyLevel level :
       {VerifyLevel::kList, VerifyLevel::kMetadata, VerifyLevel::kPacks, VerifyLevel::kData}) {
    const VerifyResult result = VerifyAt(Whole(), level);
    EXPECT_THAT(NamesOf(result.damages), IsEmpty());
    EXPECT_THAT(result.oddities, IsEmpty());
    EXPECT_EQ(result.backups, 3U);
  }
  const VerifyResult result = RunWithoutKey(Whole());
  EXPECT_THAT(NamesOf(result.damages), IsEmpty());
  EXPECT_EQ(result.objects, ObjectsUnder(*Whole().repository, "").size());
}

TEST(Verify, FindsEveryFlippedBitOfEveryObjectWithoutAKey) {
  const Sample sample = Whole().Clone();
  for (const std::string& object : CheckedObjects(sample)) {
    const std::size_t size = Contents(sample, object).size();
    for (const std::size_t byte : Offsets(size, size < 4000 ? 1 : size / 50)) {
      const Flip flip(sample, object, byte, static_cast<int>(byte % 8));
      const VerifyResult result = RunWithoutKey(sample);
      // It could be a newer program's record.
      if (object.starts_with(repo::kSnapshotsPrefix) && byte == kFormatByte) {
        ASSERT_THAT(result.warnings, SizeIs(1));
        ASSERT_THAT(NamesOf(result.damages), IsEmpty());
        continue;
      }
      ASSERT_THAT(NamesOf(result.damages), ElementsAre(object)) << byte;
    }
  }
}

TEST(Verify, FindsFlippedBitsAndWhatTheyHitWithAKey) {
  const Sample sample = Whole().Clone();
  for (const std::string& object : CheckedObjects(sample)) {
    const base::Bytes contents = Contents(sample, object);
    for (const std::size_t byte :
         Offsets(contents.size(), std::max<std::size_t>(contents.size() / 12, 1))) {
      const Flip flip(sample, object, byte, static_cast<int>(byte % 8));
      for (const VerifyLevel level : {VerifyLevel::kPacks, VerifyLevel::kData}) {
        const VerifyResult result = VerifyAt(sample, level);
        ASSERT_THAT(NamesOf(result.damages), ElementsAre(object)) << byte;
        if (!object.starts_with(repo::kPacksPrefix)) continue;
        const repo::PackId pack = PackOf(object);
        ASSERT_EQ(HitsOf(result.damages), Expected({{pack, TakenBy(contents, pack, byte)}}))
            << object << " byte " << byte;
      }
    }
  }
}

TEST(Verify, FindsDamagedMetadataWithoutReadingContent) {
  const Sample sample = Whole().Clone();
  for (const std::string& object : ObjectsUnder(*sample.repository, repo::kPacksPrefix)) {
    const base::Bytes contents = Contents(sample, object);
    const repo::PackId pack = PackOf(object);
    repo::PackReader reader(sample.repository->sound().keyring(), pack, contents);
    const auto footer = reader.ReadFooter(contents, contents.size()).footer;
    const bool is_data = footer->frame(0).kind == repo::FrameKind::kPages ||
                         footer->frame(0).kind == repo::FrameKind::kBytes;
    for (const std::size_t byte : Offsets(contents.size(), contents.size() / 10)) {
      const BadPack bad = TakenBy(contents, pack, byte);
      // Content is not read, nor bytes of the header that nobody asks for.
      if (is_data && !bad.whole) continue;
      const Flip flip(sample, object, byte);
      const VerifyResult result = VerifyAt(sample, VerifyLevel::kMetadata);
      const Hits expected = Expected({{pack, bad}});
      ASSERT_EQ(HitsOf(result.damages), expected) << object << " byte " << byte;
      ASSERT_THAT(NamesOf(result.damages), SizeIs(expected.empty() ? 0 : 1));
    }
  }
}

TEST(Verify, FindsTheBackupsThatAreHitByADamagedRecordAtEveryLevel) {
  const Sample sample = Whole().Clone();
  const std::string object = repo::SnapshotObject(sample.backups[0].id);
  const std::size_t size = Contents(sample, object).size();
  for (const std::size_t byte : Offsets(size, 7)) {
    const Flip flip(sample, object, byte);
    const VerifyResult result = VerifyAt(sample, VerifyLevel::kList);
    ASSERT_THAT(NamesOf(result.damages), ElementsAre(object)) << byte;
    ASSERT_FALSE(result.damages[0].hits.empty());
    ASSERT_EQ(result.damages[0].hits[0].backup, sample.backups[0].id.ToString());
    ASSERT_EQ(result.damages[0].hits[0].path, "");
  }
}

TEST(Verify, TakesARecordThatItIsTooOldToReadForNoDamage) {
  const Sample& sample = Whole();
  const std::string object = ObjectsUnder(*sample.repository, repo::kSnapshotsPrefix).front();
  const Flip newer(sample, object, kFormatByte, 6);
  for (const VerifyLevel level : {VerifyLevel::kList, VerifyLevel::kPacks, VerifyLevel::kData}) {
    const VerifyResult result = VerifyAt(sample, level);
    EXPECT_THAT(NamesOf(result.damages), testing::IsEmpty());
    ASSERT_EQ(result.warnings.size(), 1U);
    EXPECT_NE(result.warnings.front().find("nothing is known of backup"), std::string::npos);
  }
  const VerifyResult blind = RunWithoutKey(sample);
  EXPECT_THAT(NamesOf(blind.damages), IsEmpty());
  EXPECT_THAT(blind.warnings,
              ElementsAre(testing::AllOf(HasSubstr("nothing is known of backup"),
                                         HasSubstr("newer than this program, which knows 1"))));
}

TEST(Verify, NamesAMissingPackInFullAndWhatItTakesAtEveryLevel) {
  for (const std::string& object : ObjectsUnder(*Whole().repository, repo::kPacksPrefix)) {
    const Sample sample = Whole().Clone();
    (void)sample.repository->memory->Remove(object);
    const Hits expected = Expected(WholeAll({object}));
    for (const VerifyLevel level :
         {VerifyLevel::kList, VerifyLevel::kMetadata, VerifyLevel::kPacks, VerifyLevel::kData}) {
      const VerifyResult result = VerifyAt(sample, level);
      ASSERT_THAT(NamesOf(result.damages), ElementsAre(object));
      ASSERT_EQ(HitsOf(result.damages), expected);
    }
    const VerifyResult blind = RunWithoutKey(sample);
    ASSERT_THAT(blind.damages, SizeIs(1));
    EXPECT_THAT(blind.damages[0].object, HasSubstr(object.substr(0, 9 + 32)));
    EXPECT_FALSE(blind.damages[0].hits.empty());
  }
}

TEST(Verify, FindsTruncatedPacks) {
  for (const std::string& object : ObjectsUnder(*Whole().repository, repo::kPacksPrefix)) {
    const Sample sample = Whole().Clone();
    const std::size_t size = Contents(sample, object).size();
    for (const std::size_t left : {std::size_t{0}, std::size_t{30}, size / 2, size - 1}) {
      const Sample copy = sample.Clone();
      copy.repository->faulty->TruncateAtRest(object, left);
      for (const VerifyLevel level :
           {VerifyLevel::kMetadata, VerifyLevel::kPacks, VerifyLevel::kData}) {
        const VerifyResult result = VerifyAt(copy, level);
        ASSERT_THAT(NamesOf(result.damages), ElementsAre(object));
        ASSERT_EQ(HitsOf(result.damages), Expected(WholeAll({object})));
      }
      ASSERT_THAT(NamesOf(RunWithoutKey(copy).damages), ElementsAre(object));
    }
  }
}

TEST(Verify, DoesNotTrustPacksThatWereExchanged) {
  const std::vector<std::string> packs = ObjectsUnder(*Whole().repository, repo::kPacksPrefix);
  const Sample sample = Whole().Clone();
  for (std::size_t i = 0; i < packs.size(); ++i) {
    for (std::size_t j = i + 1; j < packs.size(); ++j) {
      Overwrite(*sample.repository, packs[i], Contents(Whole(), packs[j]));
      Overwrite(*sample.repository, packs[j], Contents(Whole(), packs[i]));
      const Hits expected = Expected(WholeAll({packs[i], packs[j]}));
      for (const VerifyLevel level : {VerifyLevel::kPacks, VerifyLevel::kData}) {
        const VerifyResult result = VerifyAt(sample, level);
        ASSERT_THAT(NamesOf(result.damages), ElementsAre(packs[i], packs[j]));
        ASSERT_EQ(HitsOf(result.damages), expected);
      }
      // What nothing but a damaged tree refers to is not looked at here.
      ASSERT_EQ(HitsOf(VerifyAt(sample, VerifyLevel::kMetadata).damages), expected);
      ASSERT_THAT(NamesOf(RunWithoutKey(sample).damages), ElementsAre(packs[i], packs[j]));
      Overwrite(*sample.repository, packs[i], Contents(Whole(), packs[i]));
      Overwrite(*sample.repository, packs[j], Contents(Whole(), packs[j]));
    }
  }
}

// Trees of one shape, so that each can be read under the other's name.
TEST(Verify, TakesNoExchangedTreeForTheBackupsOwn) {
  repo::TestRepository repository;
  std::vector<repo::Snapshot> backups;
  std::vector<std::string> trees;
  for (const char* source : {"lab", "shop"}) {
    repo::Model model;
    model.plain["PG_VERSION"] = base::ToBytes(source);
    const auto id = repo::BackupId::Parse(std::string(source) + "/20261121T070000Z-4f2a");
    backups.push_back(repo::WriteModel(repository.sound(), id, model).snapshot);
    trees.push_back(repo::PackObject(backups.back().facts.tree.index_frames.at(0).pack));
  }
  const base::Bytes first = *repository.memory->Get(trees[0]);
  Overwrite(repository, trees[0], *repository.memory->Get(trees[1]));
  Overwrite(repository, trees[1], first);
  base::NullReporter report;
  for (const VerifyLevel level :
       {VerifyLevel::kMetadata, VerifyLevel::kPacks, VerifyLevel::kData}) {
    const VerifyResult result = Verify(repository.repository(), {.level = level}, report, {});
    EXPECT_THAT(result.damages, SizeIs(2));
    const Hits hits = HitsOf(result.damages);
    for (const std::size_t i : {0, 1}) {
      EXPECT_TRUE(
          hits.contains({.object = trees[i], .backup = backups[i].id.ToString(), .path = ""}));
    }
  }
}

RC_GTEST_PROP(Verify, FindsAllThatASetOfDamagesTakes, ()) {
  const Sample sample = Whole().Clone();
  const std::vector<std::string> packs = ObjectsUnder(*sample.repository, repo::kPacksPrefix);
  BadPacks bad;
  for (const std::string& object : packs) {
    const base::Bytes contents = Contents(Whole(), object);
    const repo::PackId pack = PackOf(object);
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
        (void)sample.repository->memory->Remove(object);
        bad[pack].whole = true;
        break;
      case 1: {
        const auto left = *rc::gen::inRange<std::size_t>(0, contents.size());
        sample.repository->faulty->TruncateAtRest(object, left);
        bad[pack].whole = true;
        break;
      }
      case 2: {
        const auto byte = *rc::gen::inRange<std::size_t>(0, contents.size());
        sample.repository->faulty->FlipBitAtRest(object, byte);
        bad[pack] = TakenBy(contents, pack, byte);
        break;
      }
      default:
        break;
    }
  }
  const VerifyResult result = VerifyAt(sample, VerifyLevel::kData);
  // A missing pack that only damaged trees speak of is hit as a whole, under half its name.
  Hits found = HitsOf(result.damages);
  std::erase_if(found, [](const auto& hit) { return hit.first.object.ends_with("..."); });
  Hits expected = Expected(bad);
  for (const auto& [key, pages] : expected) RC_ASSERT(found.contains(key) && found[key] == pages);
  for (const auto& [key, pages] : found) RC_ASSERT(expected.contains(key) || key.path.empty());
  RC_ASSERT(result.damages.size() == bad.size());
}

TEST(Verify, LeavesReadableWhatItDoesNotName) {
  const Sample sample = Whole().Clone();
  const std::string object = ObjectsUnder(*sample.repository, repo::kPacksPrefix).front();
  const Flip flip(sample, object, Contents(sample, object).size() / 2);
  std::set<std::pair<std::string, std::string>> hit;
  const VerifyResult result = VerifyAt(sample, VerifyLevel::kData);
  for (const Damage& damage : result.damages) {
    for (const Damage::Hit& one : damage.hits) hit.emplace(one.backup, one.path);
  }
  ASSERT_FALSE(hit.empty());
  int read = 0;
  for (const repo::Snapshot& backup : sample.backups) {
    if (hit.contains({backup.id.ToString(), ""})) continue;
    repo::FrameReader frames(sample.repository->sound());
    repo::TreeReader tree(frames, backup.facts.tree);
    while (const auto entry = tree.Next()) {
      if (hit.contains({backup.id.ToString(), entry->path})) continue;
      ++read;
      const auto* paged = std::get_if<repo::PagedContent>(&entry->content);
      if (paged == nullptr) {
        EXPECT_NO_THROW((void)frames.Content(*entry)) << entry->path;
        continue;
      }
      const repo::PageMap map = frames.Map(paged->parts.at(0));
      for (std::uint32_t page = 0; page < map.page_count; ++page) {
        const repo::PagePlace place = map.Find(page);
        if (place.zero) continue;
        EXPECT_NO_THROW((void)frames.Read(place.frame)) << entry->path;
      }
    }
  }
  EXPECT_GT(read, 0);
}

TEST(Verify, LooksAtOneSourceOnlyWhenTold) {
  const Sample sample = Whole().Clone();
  const std::string lab = repo::SnapshotObject(sample.backups[2].id);
  const Flip flip(sample, lab, 100);
  EXPECT_THAT(NamesOf(VerifyAt(sample, VerifyLevel::kData, "shop").damages), IsEmpty());
  EXPECT_THAT(NamesOf(VerifyAt(sample, VerifyLevel::kData, "lab").damages), ElementsAre(lab));
  EXPECT_THAT(NamesOf(RunWithoutKey(sample, "shop").damages), IsEmpty());
  EXPECT_EQ(VerifyAt(sample, VerifyLevel::kList, "shop").backups, 2U);
  EXPECT_LT(RunWithoutKey(sample, "shop").objects, RunWithoutKey(sample).objects);
}

TEST(Verify, ThrowsWhenTheStoreCannotBeLookedAt) {
  const Sample sample = Whole().Clone();
  for (const std::uint64_t call : {0, 3, 10, 25}) {
    sample.repository->faulty->Inject({.call = call, .times = 1'000'000});
    try {
      (void)VerifyAt(sample, VerifyLevel::kData);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
    }
    sample.repository->faulty->ClearFaults();
  }
}

TEST(Verify, SaysWhenAnObjectIsReadWronglyOnce) {
  const Sample sample = Whole().Clone();
  const std::string object = ObjectsUnder(*sample.repository, repo::kPacksPrefix).front();
  sample.repository->faulty->Inject({.kind = storage::FaultKind::kFlipBit,
                                     .verb = storage::Verb::kGet,
                                     .prefix = object,
                                     .byte = 80});
  const VerifyResult result = VerifyAt(sample, VerifyLevel::kPacks);
  EXPECT_THAT(NamesOf(result.damages), IsEmpty());
  ASSERT_THAT(result.oddities, SizeIs(1));
  EXPECT_EQ(result.oddities[0].object, object);
}

TEST(Verify, StopsWhenTold) {
  std::stop_source stop;
  stop.request_stop();
  base::NullReporter report;
  EXPECT_THROW((void)Verify(Whole().repository->repository(), {}, report, stop.get_token()),
               base::Error);
}

}  // namespace
}  // namespace holdfast::upkeep
