#include "repo/condemned.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "base/time_text.h"
#include "repo/json_text.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

constexpr std::string_view kDoneSuffix = ".done";

json ToJsonList(const std::vector<ShortPackId>& packs) {
  json list = json::array();
  for (const ShortPackId& pack : packs) list.push_back(base::ToHex(pack.bytes));
  return list;
}

std::vector<ShortPackId> FromJsonList(const json& list) {
  if (!list.is_array()) throw Error(ErrorKind::kCorrupt, "its packs are no list");
  std::vector<ShortPackId> packs;
  for (const json& item : list) {
    const base::Bytes bytes = base::FromHex(item.get_ref<const std::string&>());
    ShortPackId pack;
    if (bytes.size() != pack.bytes.size()) {
      throw Error(ErrorKind::kCorrupt, "a pack's id has a wrong length");
    }
    std::ranges::copy(bytes, pack.bytes.begin());
    packs.push_back(pack);
  }
  return packs;
}

base::Bytes ReadListed(storage::Storage& storage, const std::string& object) {
  std::optional<base::Bytes> contents = storage.Get(object);
  if (contents) return std::move(*contents);
  throw Error(ErrorKind::kConflict, fmt::format("{} was removed while it was being read", object),
              {"a clean-up is going on: try again"});
}

}  // namespace

std::string NewCondemnedListObject(base::Time created) {
  return fmt::format("{}{}-{}", kPrunePrefix, base::FormatCompactUtc(created), base::RandomHex(2));
}

std::string ExecutedMarkObject(std::string_view list_object) {
  return fmt::format("{}{}", list_object, kDoneSuffix);
}

base::Bytes FormatCondemnedList(const CondemnedList& list) {
  return base::ToBytes(
      DumpJson({{"created_at", ToJson(list.created)}, {"packs", ToJsonList(list.packs)}}));
}

CondemnedList ParseCondemnedList(std::string_view object, base::ByteView contents) {
  const json list = ParseJsonObject(base::AsText(contents), object);
  return ReadJson(object, [&] {
    return CondemnedList{.created = ToTime(list.at("created_at")),
                         .packs = FromJsonList(list.at("packs"))};
  });
}

base::Bytes FormatExecutedMark(const ExecutedMark& mark) {
  return base::ToBytes(
      DumpJson({{"finished_at", ToJson(mark.finished)}, {"rescued", ToJsonList(mark.rescued)}}));
}

ExecutedMark ParseExecutedMark(std::string_view object, base::ByteView contents) {
  const json mark = ParseJsonObject(base::AsText(contents), object);
  return ReadJson(object, [&] {
    return ExecutedMark{.finished = ToTime(mark.at("finished_at")),
                        .rescued = FromJsonList(mark.at("rescued"))};
  });
}

// Lists and marks never change once put, so each is read once.
void CondemnedPacks::Refresh(storage::Storage& storage) {
  for (const storage::ObjectInfo& object : storage::ListAll(storage, kPrunePrefix)) {
    if (object.name.ends_with(kDoneSuffix)) {
      const std::string list = object.name.substr(0, object.name.size() - kDoneSuffix.size());
      if (rescued_.contains(list)) continue;
      rescued_[list] = ParseExecutedMark(object.name, ReadListed(storage, object.name)).rescued;
    } else if (!lists_.contains(object.name)) {
      lists_[object.name] = ParseCondemnedList(object.name, ReadListed(storage, object.name)).packs;
    }
  }
  packs_.clear();
  for (const auto& [name, condemned] : lists_) {
    std::set<ShortPackId> left(condemned.begin(), condemned.end());
    if (const auto it = rescued_.find(name); it != rescued_.end()) {
      for (const ShortPackId& pack : it->second) left.erase(pack);
    }
    packs_.merge(left);
  }
}

}  // namespace holdfast::repo
