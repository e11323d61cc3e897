// Condemned lists: what prune means to delete, or has deleted (docs/format/protocol.md).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "repo/ids.h"
#include "storage/storage.h"

namespace holdfast::repo {

// A stretch of a log that something needs.
struct LogNeed {
  std::uint32_t timeline = 0;
  std::uint64_t start = 0;
  std::uint64_t stop = 0;
  // All that follows as well, on this timeline and on those that begin later.
  bool onward = false;
  auto operator<=>(const LogNeed&) const = default;
};

// A source's log with all that needed some of it when the list was made: the rest is condemned,
// except what was put later and timelines that no backup had told of.
struct CondemnedLog {
  std::string source;
  std::uint64_t system = 0;
  std::uint32_t known_timeline = 0;  // the highest that a backup told of
  std::vector<LogNeed> needs;
  bool operator==(const CondemnedLog&) const = default;
};

struct CondemnedList {
  base::Time created;  // on the store's clock, as prune read it
  std::vector<ShortPackId> packs;
  std::vector<CondemnedLog> logs = {};
};
// Beside a list, once it was executed: what it turned out to spare.
struct ExecutedMark {
  base::Time finished;
  std::vector<ShortPackId> rescued;
};

inline constexpr std::string_view kDoneSuffix = ".done";

// "prune/20261121T070003Z-4f2a", and the same with ".done".
std::string NewCondemnedListObject(base::Time created);
std::string ExecutedMarkObject(std::string_view list_object);

base::Bytes FormatCondemnedList(const CondemnedList& list);
CondemnedList ParseCondemnedList(std::string_view object,
                                 base::ByteView contents);  // Error(kCorrupt)
base::Bytes FormatExecutedMark(const ExecutedMark& mark);
ExecutedMark ParseExecutedMark(std::string_view object,
                               base::ByteView contents);  // Error(kCorrupt)

// All packs that a writer must not build on: those on any list that is there, executed or not.
// Spared ones too, since somebody else may be executing the same list and have looked at another
// moment. Not thread-safe.
class CondemnedPacks {
 public:
  // Reads what is new under prune/. A list that cannot be read stops whoever asks: Error(kCorrupt),
  // or what the storage throws; unknown is never "not condemned".
  void Refresh(storage::Storage& storage);
  bool Contains(const ShortPackId& pack) const { return packs_.contains(pack); }
  bool Contains(const PackId& pack) const { return Contains(ShortPackId::Of(pack)); }

 private:
  std::set<std::string> read_;
  std::set<ShortPackId> packs_;
};

}  // namespace holdfast::repo
