// Pins: what keeps a backup whatever the retention says (docs/format/objects.md). In clear: prune
// heeds them without keys.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "repo/ids.h"
#include "storage/storage.h"

namespace holdfast::repo {

struct Pin {
  std::string object;
  base::Time created;               // on the store's clock
  std::optional<base::Time> until;  // empty: until it is unpinned
  std::string host;
};
using Pins = std::map<BackupId, std::vector<Pin>>;

// The backup need not be there yet: one that is to be pinned from its first moment on is pinned
// before it is committed. Several pins of one backup are independent of one another.
void PutPin(storage::Storage& storage, const BackupId& id, std::optional<base::Time> until);
// Removes all pins of a backup; how many there were.
std::size_t RemovePins(storage::Storage& storage, const BackupId& id);

// Of one source, or of all when empty. One that cannot be read pins without end.
Pins ListPins(storage::Storage& storage, std::string_view source = {});
bool IsOver(const Pin& pin, base::Time store_time);
bool IsPinned(const Pins& pins, const BackupId& id, base::Time store_time);

// Whose pin an object of this name is; empty when it is none.
std::optional<BackupId> PinnedBy(std::string_view object);
Pin ParsePin(std::string_view object, base::ByteView contents);  // Error(kCorrupt)

}  // namespace holdfast::repo
