#include "restore/pin_backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/testing/model_backup.h"

namespace holdfast::restore {
namespace {

using base::Error;
using base::ErrorKind;
using testing::IsEmpty;

class PinBackupTest : public testing::Test {
 protected:
  PinBackupTest()
      : backup(repo::WriteModel(repository.repository(),
                                repo::BackupId::Parse("shop/20261121T070003Z-4f2a"), {})
                   .snapshot) {}

  repo::TestRepository repository;
  repo::Snapshot backup;
  base::NullReporter report;
};

TEST_F(PinBackupTest, KeepsTheBackupWhileItLives) {
  {
    const auto pin = PinBackup(repository.repository(), backup, report);
    const std::vector<repo::LeaseInfo> leases = repo::ListLeases(*repository.memory);
    ASSERT_EQ(leases.size(), 1U);
    EXPECT_THAT(leases[0].pins, testing::ElementsAre(backup.id));
  }
  EXPECT_THAT(repo::ListLeases(*repository.memory), IsEmpty());
}

// The lease came too late: what was forgotten before it may be on its way out.
TEST_F(PinBackupTest, RefusesWhatWasForgottenMeanwhile) {
  (void)repository.memory->Put(repo::TombstoneObject(backup.id), base::AsBytes("{}"));
  try {
    (void)PinBackup(repository.repository(), backup, report);
    FAIL() << "it was pinned";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConflict) << error.message();
  }
  EXPECT_THAT(repo::ListLeases(*repository.memory), IsEmpty());
}

TEST_F(PinBackupTest, RefusesWhatWasDeletedMeanwhile) {
  (void)repository.memory->Remove(repo::SnapshotObject(backup.id));
  EXPECT_THROW((void)PinBackup(repository.repository(), backup, report), Error);
  EXPECT_THAT(repo::ListLeases(*repository.memory), IsEmpty());
}

}  // namespace
}  // namespace holdfast::restore
