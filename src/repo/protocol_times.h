// Every duration that writers, readers and prune rely on, in one place; why they suffice is told in
// docs/format/protocol.md. All are measured on the store's own clock, but for the renewal.
#pragma once

#include "base/clock.h"

namespace holdfast::repo {

// A snapshot is put within this time after its packs were looked at, or they are looked at again.
inline constexpr base::Duration kMaxCheckAge = std::chrono::minutes(15);

inline constexpr base::Duration kLeaseRenewal = std::chrono::minutes(10);
// Without a renewal for this long the holder is taken for dead, and its pins for over.
inline constexpr base::Duration kLeaseLifetime = std::chrono::hours(24);

// A backup that has run for longer does not commit.
inline constexpr base::Duration kLongestBackup = std::chrono::hours(24 * 14);

// A listing, or the news that an object is absent, may be this old: directories on network mounts
// are cached. An object store shows what was put at once.
inline constexpr base::Duration kMaxStaleness = std::chrono::hours(6);

// What is condemned or tombstoned is deleted this long after, at the earliest. Packs younger than
// this are not condemned.
inline constexpr base::Duration kGrace = std::chrono::hours(24);

// Executed lists stay for this long at least.
inline constexpr base::Duration kListRetention = std::chrono::hours(24 * 30);

// What a deletion did not see was put so late that its check saw the list: the listing that the
// deletion went by, and the one of the check, may both be stale.
static_assert(kGrace >= kMaxCheckAge + 2 * kMaxStaleness);
// A writer sees every list by which a pack was deleted after it began.
static_assert(kListRetention >= kLongestBackup + kGrace + kMaxStaleness);
static_assert(kLeaseRenewal * 6 < kMaxStaleness && kMaxStaleness < kLeaseLifetime);

}  // namespace holdfast::repo
