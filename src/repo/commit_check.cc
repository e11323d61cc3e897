#include "repo/commit_check.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

// Up to this many packs are asked for one by one; more are looked up in a listing of all, a
// thousand to a request.
constexpr std::size_t kMaxStats = 64;

[[noreturn]] void ThrowCondemned(const PackId& pack) {
  throw Error(
      ErrorKind::kConflict,
      fmt::format("pack {}, which this backup needs, was condemned meanwhile", pack.ToHex()),
      {"run the backup again: it will store that content anew"});
}

void CheckPack(const PackId& pack, const std::optional<std::uint64_t>& expected,
               const std::optional<std::uint64_t>& found) {
  if (!found) {
    throw Error(
        ErrorKind::kConflict,
        fmt::format("pack {}, which this backup needs, is not in the repository", pack.ToHex()),
        {"run the backup again, and verify the repository"});
  }
  if (expected && *expected != *found) {
    throw Error(ErrorKind::kConflict,
                fmt::format("pack {} has {} bytes in the repository instead of {}", pack.ToHex(),
                            *found, *expected),
                {"run the backup again, and verify the repository"});
  }
}

void CheckByStat(storage::Storage& storage, const NeededPacks& needed) {
  for (const auto& [pack, size] : needed) {
    const std::optional<storage::ObjectInfo> info = storage.Stat(PackObject(pack));
    CheckPack(pack, size, info ? std::optional(info->size) : std::nullopt);
  }
}

void CheckByListing(storage::Storage& storage, const NeededPacks& needed) {
  // Both ascend in the same order: the names are the ids in hexadecimal.
  auto next = needed.begin();
  storage.List(kPacksPrefix, "", [&](const storage::ObjectInfo& object) {
    if (next == needed.end()) return;
    const std::string name = PackObject(next->first);
    if (object.name < name) return;
    CheckPack(next->first, next->second,
              object.name == name ? std::optional(object.size) : std::nullopt);
    ++next;
  });
  if (next != needed.end()) CheckPack(next->first, next->second, std::nullopt);
}

}  // namespace

void CheckNeededPacks(storage::Storage& storage, CondemnedPacks& condemned,
                      const NeededPacks& needed) {
  condemned.Refresh(storage);
  for (const auto& [pack, size] : needed) {
    if (condemned.Contains(pack)) ThrowCondemned(pack);
  }
  if (needed.size() <= kMaxStats) return CheckByStat(storage, needed);
  CheckByListing(storage, needed);
}

}  // namespace holdfast::repo
