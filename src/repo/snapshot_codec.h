// The bytes of a snapshot object (docs/format/snapshot.md).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "codec/hash.h"
#include "repo/ids.h"
#include "repo/keyring.h"
#include "repo/snapshot.h"

namespace holdfast::repo {

// `packs` ascending, without repeats; snapshot.pack_count is theirs.
base::Bytes EncodeSnapshot(const Keyring& keyring, const Snapshot& snapshot,
                           std::span<const ShortPackId> packs);

// The head of a snapshot object: everything before the pack list.
struct SnapshotHead {
  PlainSnapshot plain;
  std::uint32_t epoch = 0;
  base::Bytes salt;
  codec::Digest packs_digest{};
  std::size_t sealed_begin = 0;  // what stands before it is bound to it
  std::size_t sealed_end = 0;
};
struct SnapshotHeadOrNeed {
  std::optional<SnapshotHead> head;
  std::uint64_t need = 0;  // when there is no head: how many bytes of the object it takes
};
// `start`: the first bytes of the object, or all of it. Error(kCorrupt) naming the backup;
// Error(kUsage) when it is of a format that this program is too old for.
SnapshotHeadOrNeed ParseSnapshotHead(const BackupId& id, base::ByteView start);

// `start` as given to ParseSnapshotHead.
Snapshot OpenSnapshot(const Keyring& keyring, const SnapshotHead& head, base::ByteView start);

// The pack list of a whole object; its checksum, the list's order and its digest are checked.
std::vector<ShortPackId> ParsePackList(const BackupId& id, base::ByteView object);

// The text that the sealed body holds.
std::string FormatSnapshotBody(const Snapshot& snapshot);
// Fills in what the body says. Error(kCorrupt).
void ParseSnapshotBody(std::string_view text, Snapshot& snapshot);

}  // namespace holdfast::repo
