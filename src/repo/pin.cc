#include "repo/pin.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/host_name.h"
#include "base/random.h"
#include "repo/json_text.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

constexpr std::size_t kNameBytes = 8;

Pin ReadPin(const storage::ObjectInfo& object, base::ByteView contents) {
  try {
    return ParsePin(object.name, contents);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    // What it was to say is unknown: it pins.
    return {.object = object.name, .created = object.modified, .until = std::nullopt, .host = {}};
  }
}

}  // namespace

void PutPin(storage::Storage& storage, const BackupId& id, std::optional<base::Time> until) {
  json pin = {{"created_at", ToJson(storage.StoreTime())}, {"host", base::HostName()}};
  if (until) pin["until"] = ToJson(*until);
  const std::string object = PinsOf(id) + base::RandomHex(kNameBytes);
  // The name is nobody else's: one that is there was put by a try whose answer was lost.
  (void)storage.Put(object, base::ToBytes(DumpJson(pin)));
}

std::size_t RemovePins(storage::Storage& storage, const BackupId& id) {
  std::size_t removed = 0;
  for (const storage::ObjectInfo& object : storage::ListAll(storage, PinsOf(id))) {
    if (storage.Remove(object.name) == storage::RemoveOutcome::kRemoved) ++removed;
  }
  return removed;
}

Pins ListPins(storage::Storage& storage, std::string_view source) {
  if (!source.empty()) CheckSourceName(source);
  Pins pins;
  const std::string prefix =
      source.empty() ? std::string(kPinsPrefix) : fmt::format("{}{}/", kPinsPrefix, source);
  for (const storage::ObjectInfo& object : storage::ListAll(storage, prefix)) {
    const std::optional<BackupId> id = PinnedBy(object.name);
    if (!id) continue;
    const std::optional<base::Bytes> contents = storage.Get(object.name);
    if (contents) pins[*id].push_back(ReadPin(object, *contents));
  }
  return pins;
}

bool IsOver(const Pin& pin, base::Time store_time) { return pin.until && *pin.until <= store_time; }

bool IsPinned(const Pins& pins, const BackupId& id, base::Time store_time) {
  const auto found = pins.find(id);
  return found != pins.end() && std::ranges::any_of(found->second, [&](const Pin& pin) {
           return !IsOver(pin, store_time);
         });
}

std::optional<BackupId> PinnedBy(std::string_view object) {
  if (!object.starts_with(kPinsPrefix)) return std::nullopt;
  object.remove_prefix(kPinsPrefix.size());
  const std::size_t slash = object.rfind('/');
  if (slash == std::string_view::npos || object.size() - slash - 1 != 2 * kNameBytes ||
      object.find_first_not_of("0123456789abcdef", slash + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  try {
    return BackupId::Parse(object.substr(0, slash));
  } catch (const Error&) {
    return std::nullopt;
  }
}

Pin ParsePin(std::string_view object, base::ByteView contents) {
  const std::string what = fmt::format("the pin {}", object);
  const json parsed = ParseJsonObject(base::AsText(contents), what);
  return ReadJson(what, [&] {
    Pin pin{.object = std::string(object),
            .created = ToTime(parsed.at("created_at")),
            .until = std::nullopt,
            .host = parsed.at("host").get<std::string>()};
    if (parsed.contains("until")) pin.until = ToTime(parsed.at("until"));
    return pin;
  });
}

}  // namespace holdfast::repo
