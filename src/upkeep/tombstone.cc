#include "upkeep/tombstone.h"

#include "base/error.h"
#include "repo/json_text.h"

namespace holdfast::upkeep {

base::Bytes FormatTombstone(const Tombstone& tombstone) {
  nlohmann::json json = {{"forgotten_at", repo::ToJson(tombstone.forgotten)},
                         {"host", tombstone.host},
                         {"reason", tombstone.reason}};
  if (tombstone.even_last) json["even_last"] = true;
  return base::ToBytes(repo::DumpJson(json));
}

bool IsMeantAsLast(base::ByteView contents) {
  try {
    const nlohmann::json json = repo::ParseJsonObject(base::AsText(contents), "a tombstone");
    const auto found = json.find("even_last");
    return found != json.end() && found->is_boolean() && found->get<bool>();
  } catch (const base::Error&) {
    return false;
  }
}

}  // namespace holdfast::upkeep
