#include "repo/withdrawal.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/snapshot_codec.h"
#include "repo/testing/model_backup.h"

namespace holdfast::repo {
namespace {

const BackupId kBackup = BackupId::Parse("shop/20261121T070003Z-4f2a");

TEST(Withdrawal, TakesABackupOutOfTheListsByItsWritersSecretOnly) {
  TestRepository test;
  const WithdrawalSecret secret = WithdrawalSecret::New();
  Snapshot snapshot;
  snapshot.id = kBackup;
  snapshot.withdrawal = secret.Digest();
  (void)test.memory->Put(SnapshotObject(kBackup),
                         EncodeSnapshot(test.sound().keyring(), snapshot, {}));
  ASSERT_EQ(ListBackups(test.sound()).size(), 1U);

  // Another host's attempt.
  PutWithdrawal(*test.memory, kBackup, WithdrawalSecret::New());
  EXPECT_FALSE(IsWithdrawn(*test.memory, kBackup));
  EXPECT_EQ(ListBackups(test.sound()).size(), 1U);

  // The writer must not take that for its own.
  EXPECT_THROW(PutWithdrawal(*test.memory, kBackup, secret), base::Error);
  (void)test.memory->Remove(WithdrawalObject(kBackup));
  PutWithdrawal(*test.memory, kBackup, secret);
  PutWithdrawal(*test.memory, kBackup, secret);  // as after a lost answer
  EXPECT_TRUE(IsWithdrawn(*test.memory, kBackup));
  EXPECT_TRUE(ListBackups(test.sound()).empty());
}

TEST(Withdrawal, OfASnapshotThatCannotBeReadIsNone) {
  TestRepository test;
  (void)test.memory->Put(SnapshotObject(kBackup), base::AsBytes("damaged"));
  PutWithdrawal(*test.memory, kBackup, WithdrawalSecret::New());
  EXPECT_FALSE(IsWithdrawn(*test.memory, kBackup));
  EXPECT_EQ(ListBackups(test.sound()).size(), 1U);
}

TEST(Withdrawal, EveryBackupCanBeWithdrawnByItsOwnSecret) {
  TestRepository test;
  Model model;
  model.plain["a"] = base::ToBytes("a");
  const Snapshot first = WriteModel(test.sound(), kBackup, model).snapshot;
  ASSERT_TRUE(first.withdrawal);
  EXPECT_EQ(ReadSnapshot(test.sound(), kBackup).withdrawal, first.withdrawal);
  EXPECT_EQ(ReadPlainSnapshot(*test.memory, kBackup).withdrawal, first.withdrawal);
}

}  // namespace
}  // namespace holdfast::repo
