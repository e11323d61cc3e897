// Condemned lists: packs that prune means to delete, or has deleted (docs/format/protocol.md).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "repo/ids.h"
#include "storage/storage.h"

namespace holdfast::repo {

struct CondemnedList {
  base::Time created;
  std::vector<ShortPackId> packs;
};
// Beside a list, once it was executed: what it turned out to spare.
struct ExecutedMark {
  base::Time finished;
  std::vector<ShortPackId> rescued;
};

// "prune/20261121T070003Z-4f2a", and the same with ".done".
std::string NewCondemnedListObject(base::Time created);
std::string ExecutedMarkObject(std::string_view list_object);

base::Bytes FormatCondemnedList(const CondemnedList& list);
CondemnedList ParseCondemnedList(std::string_view object,
                                 base::ByteView contents);  // Error(kCorrupt)
base::Bytes FormatExecutedMark(const ExecutedMark& mark);
ExecutedMark ParseExecutedMark(std::string_view object,
                               base::ByteView contents);  // Error(kCorrupt)

// All packs that a writer must not build on: condemned, executed or not, and not rescued. Not
// thread-safe.
class CondemnedPacks {
 public:
  // Reads what is new under prune/. A list that cannot be read stops whoever asks: Error(kCorrupt),
  // or what the storage throws; unknown is never "not condemned".
  void Refresh(storage::Storage& storage);
  bool Contains(const ShortPackId& pack) const { return packs_.contains(pack); }
  bool Contains(const PackId& pack) const { return Contains(ShortPackId::Of(pack)); }

 private:
  std::map<std::string, std::vector<ShortPackId>> lists_;
  std::map<std::string, std::vector<ShortPackId>> rescued_;  // by the list's name
  std::set<ShortPackId> packs_;
};

}  // namespace holdfast::repo
