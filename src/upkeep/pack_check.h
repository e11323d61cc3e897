// Which frames of a pack are what was written?
#pragma once

#include "base/bytes.h"
#include "repo/ids.h"
#include "repo/keyring.h"
#include "upkeep/damage_log.h"

namespace holdfast::upkeep {

// Opens every frame of a pack and compares the hash of every page. What is bad goes to the log:
// frames where the pack can be read in part, else all of it. Returns whether everything opened.
// Error(kDenied) when the ring may not read content.
[[nodiscard]] bool CheckFrames(const repo::Keyring& keyring, const repo::PackId& pack,
                               base::ByteView contents, DamageLog& log);

// For a pack whose bytes are not those that it is named after: finds out how much of it is left.
void SalvageFrames(const repo::Keyring& keyring, const repo::PackId& pack, base::ByteView contents,
                   const std::string& problem, DamageLog& log);

}  // namespace holdfast::upkeep
