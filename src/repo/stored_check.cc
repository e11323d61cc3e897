#include "repo/stored_check.h"

#include "base/error.h"
#include "repo/condemned.h"
#include "repo/config_object.h"
#include "repo/damage_mark.h"
#include "repo/ids.h"
#include "repo/key_object.h"
#include "repo/lease.h"
#include "repo/pack.h"
#include "repo/pin.h"
#include "repo/snapshot.h"
#include "repo/snapshot_codec.h"

namespace holdfast::repo {

namespace {

bool IsPackName(std::string_view name) {
  try {
    return PackObject(PackId::FromHex(name.substr(name.rfind('/') + 1))) == name;
  } catch (const base::Error&) {
    return false;
  }
}

void CheckPack(std::string_view name, base::ByteView contents) {
  if (PackObject(ProvenId(contents)) == name) return;
  throw base::Error(base::ErrorKind::kCorrupt,
                    "it was altered or cut: its bytes are not those that it is named after");
}

void CheckByName(std::string_view name, base::ByteView contents) {
  if (name.starts_with(kPacksPrefix)) return CheckPack(name, contents);
  if (name == kConfigObject) return (void)ParseConfig(contents);
  if (name.starts_with(kKeysPrefix)) return (void)ParseKeyObject(*KeyIdOf(name), contents);
  if (name.starts_with(kLeasesPrefix)) {
    return (void)ParseLease({.name = std::string(name), .size = contents.size(), .modified = {}},
                            contents);
  }
  if (name.starts_with(kDamagedPrefix)) return;  // says all by being there, as a tombstone does
  if (name.starts_with(kPrunePrefix)) {
    if (name.ends_with(kDoneSuffix)) return (void)ParseExecutedMark(name, contents);
    return (void)ParseCondemnedList(name, contents);
  }
  if (name.starts_with(kPinsPrefix)) return (void)ParsePin(name, contents);
  const SnapshotName snapshot = *ParseSnapshotName(name);
  // A tombstone says all by being there, and what is no writer's withdrawal withdraws nothing.
  if (snapshot.what != SnapshotName::What::kSnapshot) return;
  (void)ParsePackList(snapshot.id, contents);
}

}  // namespace

bool IsStoredName(std::string_view name) {
  if (name == kConfigObject) return true;
  if (name.starts_with(kPacksPrefix)) return IsPackName(name);
  if (name.starts_with(kKeysPrefix)) return KeyIdOf(name).has_value();
  if (name.starts_with(kSnapshotsPrefix)) return ParseSnapshotName(name).has_value();
  if (name.starts_with(kPinsPrefix)) return PinnedBy(name).has_value();
  if (name.starts_with(kDamagedPrefix)) return ParseDamageMark(name).has_value();
  return name.starts_with(kLeasesPrefix) || name.starts_with(kPrunePrefix);
}

std::optional<std::string> ProblemOf(std::string_view name, base::ByteView contents) {
  if (!IsStoredName(name)) return std::nullopt;
  try {
    CheckByName(name, contents);
    return std::nullopt;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return error.message();
  }
}

}  // namespace holdfast::repo
