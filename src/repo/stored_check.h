// Is a stored object what was written? Told without any key, by its name and the checksum it
// carries (docs/format/README.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::repo {

// Is this the name of an object that the repo room puts? (The WAL archive's are not.)
bool IsStoredName(std::string_view name);

// What is wrong with it; empty when it is sound. Of packs, snapshots, the config and keys every
// altered bit is found. Leases and what stands under prune/ carry no checksum: of them it is found
// when they cannot be read. Error(kUsage): of a format that this program is too old for.
std::optional<std::string> ProblemOf(std::string_view name, base::ByteView contents);

}  // namespace holdfast::repo
