#include "repo/lease.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/testing/model_backup.h"

namespace holdfast::repo {
namespace {

const BackupId kPinned = BackupId::Parse("shop/20261121T070003Z-4f2a");

LeaseDraft Draft() { return {.kind = "restore", .pins = {kPinned}, .log = std::nullopt}; }

std::vector<storage::ObjectInfo> Objects(TestRepository& test) {
  return storage::ListAll(*test.memory, kLeasesPrefix);
}

TEST(Lease, StandsWhileItIsHeldAndGoesWithItsHolder) {
  TestRepository test;
  {
    const Lease lease(test.repository(), Draft());
    const std::vector<LeaseInfo> leases = ListLeases(*test.memory);
    ASSERT_EQ(leases.size(), 1U);
    EXPECT_EQ(leases[0].kind, "restore");
    EXPECT_EQ(leases[0].pins, std::vector{kPinned});
    EXPECT_EQ(leases[0].started, test.clock.Now());
    EXPECT_FALSE(leases[0].log);
  }
  EXPECT_TRUE(Objects(test).empty());
}

TEST(Lease, IsRenewedEveryTenMinutesUnderTheNextNumber) {
  TestRepository test;
  Lease lease(test.repository(), Draft());
  test.clock.Advance(kLeaseRenewal - std::chrono::seconds(1));
  lease.KeepAlive();
  EXPECT_TRUE(Objects(test).at(0).name.ends_with("/00000000"));
  test.clock.Advance(std::chrono::seconds(1));
  lease.KeepAlive();
  ASSERT_EQ(Objects(test).size(), 1U);
  EXPECT_TRUE(Objects(test)[0].name.ends_with("/00000001"));
  EXPECT_EQ(ListLeases(*test.memory).at(0).heartbeat, test.clock.Now());
  EXPECT_EQ(ListLeases(*test.memory).at(0).started, test.clock.Now() - kLeaseRenewal);
}

TEST(Lease, OutlivesAStoreThatDoesNotAnswerForAWhile) {
  TestRepository test;
  {
    Lease lease(test.repository(), Draft());
    test.clock.Advance(kLeaseRenewal);
    // The answer is lost, not the lease.
    test.faulty->Inject({.kind = storage::FaultKind::kFailApplied, .verb = storage::Verb::kPut});
    lease.KeepAlive();
    EXPECT_EQ(ListLeases(*test.memory).size(), 1U);
    EXPECT_EQ(ListLeases(*test.memory)[0].heartbeat, test.clock.Now());
    test.clock.Advance(std::chrono::minutes(1));
    lease.KeepAlive();
    EXPECT_EQ(Objects(test).size(), 1U);
    test.clock.Advance(kLeaseRenewal);
    test.faulty->Inject({.kind = storage::FaultKind::kFailApplied, .verb = storage::Verb::kPut});
    lease.KeepAlive();
  }
  EXPECT_TRUE(Objects(test).empty());
}

TEST(Lease, IsJudgedByTheClockOfTheStoreAlone) {
  TestRepository test;
  test.faulty->SetClockSkew(std::chrono::hours(24 * 365));
  const Lease lease(test.repository(), Draft());
  const LeaseInfo info = ListLeases(*test.faulty).at(0);
  EXPECT_EQ(info.started, test.faulty->StoreTime());
  EXPECT_FALSE(IsExpired(info, test.faulty->StoreTime()));
  test.clock.Advance(kLeaseLifetime);
  EXPECT_FALSE(IsExpired(info, test.faulty->StoreTime()));
  test.clock.Advance(std::chrono::seconds(1));
  EXPECT_TRUE(IsExpired(info, test.faulty->StoreTime()));
}

TEST(Lease, IsNotRenewedInAnotherRepository) {
  TestRepository test;
  Lease lease(test.repository(), Draft());
  test.ReplaceByAnother();
  test.clock.Advance(kLeaseRenewal);
  try {
    lease.KeepAlive();
    FAIL() << "it was renewed";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kConflict) << error.message();
  }
}

TEST(ListLeases, RefusesALeaseThatItCannotRead) {
  TestRepository test;
  ASSERT_EQ(test.memory->Put("leases/0011/00000000", base::AsBytes("{}")),
            storage::PutOutcome::kStored);
  EXPECT_THROW((void)ListLeases(*test.memory), base::Error);
}

TEST(ListLeases, ListsAgainWhenALeaseIsRenewedWhileItReads) {
  TestRepository test;
  const Lease lease(test.repository(), Draft());
  const std::string old_name = Objects(test).at(0).name;
  test.faulty->RememberListing();
  const base::Bytes contents = storage::GetExisting(*test.memory, old_name);
  std::string renewed = old_name;
  renewed.back() = '1';
  ASSERT_EQ(test.memory->Put(renewed, contents), storage::PutOutcome::kStored);
  (void)test.memory->Remove(old_name);
  test.faulty->Inject({.kind = storage::FaultKind::kStaleListing, .verb = storage::Verb::kList});
  EXPECT_EQ(ListLeases(*test.faulty).at(0).object, renewed);
  (void)test.memory->Remove(renewed);
}

}  // namespace
}  // namespace holdfast::repo
