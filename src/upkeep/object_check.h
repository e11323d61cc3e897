// Is one stored object what was written?
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "repo/keyring.h"
#include "upkeep/damage_log.h"

namespace holdfast::upkeep {

// Key-less, by its name and the checksums it carries: packs, blobs (WAL), snapshots, config and
// keys. Other objects pass. Empty: it is sound.
std::optional<std::string> CheckObject(std::string_view name, base::ByteView contents);

// Opens every frame of a pack and compares the hash of every page. Damage goes to the log.
void CheckFrames(const repo::Keyring& keyring, const repo::PackId& pack, base::ByteView contents,
                 DamageLog& log);

}  // namespace holdfast::upkeep
