#include "repo/condemned.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/random.h"
#include "base/time_text.h"
#include "repo/json_text.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

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

json ToJson(const LogNeed& need) {
  return {{"timeline", need.timeline},
          {"start", repo::ToJson(need.start)},
          {"stop", repo::ToJson(need.stop)},
          {"onward", need.onward}};
}

LogNeed NeedFromJson(const json& need) {
  return {.timeline = need.at("timeline").get<std::uint32_t>(),
          .start = ToNumber(need.at("start")),
          .stop = ToNumber(need.at("stop")),
          .onward = need.at("onward").get<bool>()};
}

json ToJson(const CondemnedLog& log) {
  json needs = json::array();
  for (const LogNeed& need : log.needs) needs.push_back(ToJson(need));
  return {{"source", log.source},
          {"system", repo::ToJson(log.system)},
          {"known_timeline", log.known_timeline},
          {"needs", std::move(needs)}};
}

CondemnedLog LogFromJson(const json& json_log) {
  CondemnedLog log{.source = json_log.at("source").get<std::string>(),
                   .system = ToNumber(json_log.at("system")),
                   .known_timeline = json_log.at("known_timeline").get<std::uint32_t>(),
                   .needs = {}};
  for (const json& need : json_log.at("needs")) log.needs.push_back(NeedFromJson(need));
  return log;
}

}  // namespace

std::string NewCondemnedListObject(base::Time created) {
  return fmt::format("{}{}-{}", kPrunePrefix, base::FormatCompactUtc(created), base::RandomHex(2));
}

std::string ExecutedMarkObject(std::string_view list_object) {
  return fmt::format("{}{}", list_object, kDoneSuffix);
}

base::Bytes FormatCondemnedList(const CondemnedList& list) {
  json object = {{"created_at", repo::ToJson(list.created)}, {"packs", ToJsonList(list.packs)}};
  for (const CondemnedLog& log : list.logs) object["logs"].push_back(ToJson(log));
  return base::ToBytes(DumpJson(object));
}

CondemnedList ParseCondemnedList(std::string_view object, base::ByteView contents) {
  const json parsed = ParseJsonObject(base::AsText(contents), object);
  return ReadJson(object, [&] {
    CondemnedList list{.created = ToTime(parsed.at("created_at")),
                       .packs = FromJsonList(parsed.at("packs"))};
    if (parsed.contains("logs")) {
      for (const json& log : parsed.at("logs")) list.logs.push_back(LogFromJson(log));
    }
    return list;
  });
}

base::Bytes FormatExecutedMark(const ExecutedMark& mark) {
  return base::ToBytes(DumpJson(
      {{"finished_at", repo::ToJson(mark.finished)}, {"rescued", ToJsonList(mark.rescued)}}));
}

ExecutedMark ParseExecutedMark(std::string_view object, base::ByteView contents) {
  const json mark = ParseJsonObject(base::AsText(contents), object);
  return ReadJson(object, [&] {
    return ExecutedMark{.finished = ToTime(mark.at("finished_at")),
                        .rescued = FromJsonList(mark.at("rescued"))};
  });
}

// Lists never change once put, so each is read once. One that is gone by the time it is read was
// removed since none of its packs is there any more: whoever needs one of those misses it itself.
void CondemnedPacks::Refresh(storage::Storage& storage) {
  for (const storage::ObjectInfo& object : storage::ListAll(storage, kPrunePrefix)) {
    if (object.name.ends_with(kDoneSuffix) || read_.contains(object.name)) continue;
    const std::optional<base::Bytes> contents = storage.Get(object.name);
    if (!contents) continue;
    const CondemnedList list = ParseCondemnedList(object.name, *contents);
    packs_.insert(list.packs.begin(), list.packs.end());
    read_.insert(object.name);
  }
}

}  // namespace holdfast::repo
