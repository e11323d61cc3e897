#include "restore/other_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/content_store.h"
#include "repo/damage_mark.h"
#include "repo/lease.h"
#include "repo/testing/model_backup.h"
#include "restore/destination.h"

namespace holdfast::restore {
namespace {

using base::Error;
using base::ErrorKind;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const repo::BackupId kBackup = repo::BackupId::Parse("shop/20261121T070003Z-4f2a");

repo::Model ModelOf(std::uint32_t version) {
  repo::Model model;
  for (std::uint32_t page = 0; page < 20; ++page) {
    const base::Bytes bytes = repo::ModelPage(page, version);
    model.paged["base/1"].insert(model.paged["base/1"].end(), bytes.begin(), bytes.end());
  }
  model.plain["PG_VERSION"] = base::ToBytes("15\n");
  model.plain["pg_xact/0000"] = base::Bytes(30'000, 5);
  return model;
}

class OtherCopiesTest : public testing::Test {
 protected:
  OtherCopiesTest()
      : backup(repo::WriteModel(own.repository(), kBackup, ModelOf(1)).snapshot),
        frames(own.repository()) {
    (void)repo::WriteModel(copy.repository(), kBackup, ModelOf(1));
  }

  static OtherPlace PlaceOf(const std::string& name, repo::TestRepository& repository) {
    return {.name = name, .open = [&repository] {
              return repo::Repository::Open(repository.faulty, repository.clock,
                                            repo::TestUnlock());
            }};
  }

  static void LosePacks(repo::TestRepository& repository) {
    for (const auto& object : storage::ListAll(*repository.memory, repo::kPacksPrefix))
      (void)repository.memory->Remove(object.name);
  }

  // Those of its copy in which a file lies.
  static void MarkPacksOf(const std::string& path, repo::TestRepository& repository, bool alter) {
    repo::FrameReader reader(repository.repository());
    const repo::Snapshot snapshot = repo::ReadSnapshot(repository.repository(), kBackup);
    const auto entry = repo::TreeReader(reader, snapshot.facts.tree).Find(path).value();
    repo::ForEachPackOf(reader, entry.content, [&](const repo::PackId& pack) {
      repo::MarkDamaged(*repository.memory, repo::ShortPackId::Of(pack));
      if (!alter) return;
      const std::string name = repo::PackObject(pack);
      const std::size_t size = repository.memory->Stat(name).value().size;
      (void)repository.memory->Remove(name);
      (void)repository.memory->Put(name, base::Bytes(size, 0));
    });
  }

  repo::TreeEntry EntryOf(const std::string& path) {
    repo::TreeReader tree(frames, backup.facts.tree);
    return tree.Find(path).value();
  }

  repo::TestRepository own;
  repo::TestRepository copy;
  repo::Snapshot backup;
  repo::FrameReader frames;
  base::NullReporter report;
};

TEST_F(OtherCopiesTest, ReadsFromTheCopyWhatIsLostAndTells) {
  const repo::TreeEntry entry = EntryOf("pg_xact/0000");
  OtherCopies others(backup, {PlaceOf("far", copy)}, own.clock, report);
  PieceReader pieces(own.repository(), frames, others);
  EXPECT_EQ(pieces.Content(entry), base::Bytes(30'000, 5));
  EXPECT_THAT(others.Warnings(), IsEmpty());
  LosePacks(own);
  repo::FrameReader fresh(own.repository());
  PieceReader again(own.repository(), fresh, others);
  EXPECT_EQ(again.Content(entry), base::Bytes(30'000, 5));
  EXPECT_THAT(others.Warnings(),
              testing::ElementsAre(HasSubstr("1 piece was taken from the copy in far")));
}

TEST_F(OtherCopiesTest, ThrowsTheFirstFailureWhenNobodyHasIt) {
  const repo::TreeEntry entry = EntryOf("pg_xact/0000");
  LosePacks(own);
  LosePacks(copy);
  repo::FrameReader fresh(own.repository());
  OtherCopies others(backup, {PlaceOf("far", copy)}, own.clock, report);
  PieceReader pieces(own.repository(), fresh, others);
  try {
    (void)pieces.Content(entry);
    FAIL() << "it was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    EXPECT_THAT(error.message(), HasSubstr("is missing"));
    EXPECT_THAT(error.hints(), Contains(HasSubstr("the copy in far has it neither")));
  }
  EXPECT_FALSE(others.Hold(entry));
}

TEST_F(OtherCopiesTest, TakesNothingFromAnotherBackupOfTheSameName) {
  const repo::TreeEntry entry = EntryOf("PG_VERSION");
  repo::TestRepository stranger;
  repo::Model longer = ModelOf(1);
  longer.plain["pg_xact/0001"] = base::Bytes(10, 1);
  (void)repo::WriteModel(stranger.repository(), kBackup, longer);
  OtherCopies others(backup, {PlaceOf("strange", stranger), PlaceOf("far", copy)}, own.clock,
                     report);
  PieceReader pieces(own.repository(), frames, others);
  std::string read_from;
  pieces.Read(entry, [&](const PieceSource& source) {
    if (&source.frames == &frames) throw Error(ErrorKind::kCorrupt, "it is gone");
    read_from = base::AsText(source.frames.Content(source.entry));
  });
  EXPECT_EQ(read_from, "15\n");
  EXPECT_THAT(others.Warnings(), Contains(HasSubstr("the copy in strange is of no help")));
}

TEST_F(OtherCopiesTest, TakesNothingFromABackupThatWasForgottenThere) {
  const repo::TreeEntry entry = EntryOf("PG_VERSION");
  (void)copy.memory->Put(repo::TombstoneObject(kBackup), base::AsBytes("{}"));
  OtherCopies others(backup, {PlaceOf("far", copy)}, own.clock, report);
  PieceReader pieces(own.repository(), frames, others);
  try {
    pieces.Read(entry, [&](const PieceSource& source) {
      if (&source.frames == &frames) throw Error(ErrorKind::kCorrupt, "it is gone");
    });
    FAIL() << "it was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "it is gone");
  }
}

TEST_F(OtherCopiesTest, AFailureOfTheDestinationIsFinal) {
  const repo::TreeEntry entry = EntryOf("PG_VERSION");
  OtherCopies others(backup, {PlaceOf("far", copy)}, own.clock, report);
  PieceReader pieces(own.repository(), frames, others);
  int times = 0;
  const auto full_disk = [&](const PieceSource&) {
    ++times;
    throw DestinationError(Error(ErrorKind::kUnavailable, "no space left"));
  };
  EXPECT_THROW(pieces.Read(entry, full_disk), DestinationError);
  EXPECT_EQ(times, 1);
}

// A mark alone says nothing: something else in the pack may be what is altered.
TEST_F(OtherCopiesTest, ReadsInAPlanWhatLiesInMarkedPacks) {
  const repo::TreeEntry entry = EntryOf("pg_xact/0000");
  MarkPacksOf(entry.path, copy, false);
  EXPECT_TRUE(OtherCopies(backup, {PlaceOf("far", copy)}, own.clock, report).Hold(entry));
  MarkPacksOf(entry.path, copy, true);
  EXPECT_FALSE(OtherCopies(backup, {PlaceOf("far", copy)}, own.clock, report).Hold(entry));
  EXPECT_TRUE(
      OtherCopies(backup, {PlaceOf("far", copy)}, own.clock, report).Hold(EntryOf("PG_VERSION")));
}

// A file is read from a repository that may be down.
class SilentRepository : public OtherCopiesTest {
 protected:
  // Was the own one asked for it? The other gives it, if it can.
  bool Asks() {
    bool asked = false;
    pieces.Read(entry, [&](const PieceSource& source) {
      if (&source.frames == &frames) {
        asked = true;
        own.clock.Advance(wait);
        if (is_down) throw Error(ErrorKind::kUnavailable, "no answer");
      }
      EXPECT_EQ(source.frames.Content(source.entry), base::Bytes(30'000, 5));
    });
    return asked;
  }

  const repo::TreeEntry entry = EntryOf("pg_xact/0000");
  OtherCopies others{backup, {PlaceOf("far", copy)}, own.clock, report};
  PieceReader pieces{own.repository(), frames, others};
  bool is_down = true;
  base::Duration wait = std::chrono::minutes(10);
};

TEST_F(SilentRepository, IsAskedOnlyNowAndThen) {
  EXPECT_TRUE(Asks());
  EXPECT_FALSE(Asks());
  own.clock.Advance(std::chrono::minutes(14));
  EXPECT_FALSE(Asks());
  own.clock.Advance(std::chrono::minutes(1));
  EXPECT_TRUE(Asks());
  EXPECT_FALSE(Asks());
  is_down = false;
  own.clock.Advance(std::chrono::minutes(15));
  EXPECT_TRUE(Asks());
  EXPECT_TRUE(Asks());
}

TEST_F(SilentRepository, HoldsUpOneWhileTheOthersGoOn) {
  EXPECT_TRUE(Asks());
  own.clock.Advance(std::chrono::minutes(15));
  bool meanwhile = true;
  pieces.Read(entry, [&](const PieceSource& source) {
    if (&source.frames != &frames) return;
    own.clock.Advance(wait);
    meanwhile = Asks();
    throw Error(ErrorKind::kUnavailable, "no answer");
  });
  EXPECT_FALSE(meanwhile);
}

TEST_F(SilentRepository, IsAskedForWhatNobodyElseHas) {
  LosePacks(copy);
  EXPECT_THROW((void)Asks(), Error);
  is_down = false;
  EXPECT_TRUE(Asks());
}

TEST_F(SilentRepository, IsAskedAgainWhenItFailsAtOnce) {
  wait = std::chrono::seconds(1);
  EXPECT_TRUE(Asks());
  EXPECT_TRUE(Asks());
}

TEST_F(OtherCopiesTest, PinsTheCopyOnceItIsUsed) {
  const repo::TreeEntry entry = EntryOf("PG_VERSION");
  {
    OtherCopies others(backup, {PlaceOf("far", copy)}, own.clock, report);
    EXPECT_THAT(repo::ListLeases(*copy.memory), IsEmpty());
    EXPECT_TRUE(others.Hold(entry));
    EXPECT_EQ(repo::ListLeases(*copy.memory).size(), 1U);
  }
  EXPECT_THAT(repo::ListLeases(*copy.memory), IsEmpty());
}

}  // namespace
}  // namespace holdfast::restore
