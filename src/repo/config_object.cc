#include "repo/config_object.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/time_text.h"
#include "codec/hash.h"
#include "repo/checked_json.h"
#include "repo/ids.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

constexpr const char* kMagic = "holdfast";
constexpr int kFormat = 1;
constexpr int kSuite = 1;  // AES-256-GCM, HKDF-SHA-256, SHA-256
constexpr std::size_t kIdDigits = 32;
constexpr const char* kUpgrade = "upgrade holdfast on this machine";

std::string HmacOf(const Keyring& keyring, std::string_view text) {
  const codec::Key256 key =
      codec::DeriveKey(keyring.first().meta, {}, "holdfast config v1 " + keyring.repository_id());
  return base::ToHex(codec::HmacSha256(key, base::AsBytes(text)));
}

void CheckNumber(const json& object, const char* member, int known) {
  const auto number = UnsignedMember(object, member);
  if (number == static_cast<std::uint64_t>(known)) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("repository {} {} is newer than this program, which knows {}", member,
                          number, known),
              {kUpgrade});
}

bool IsRepositoryId(const std::string& id) {
  return id.size() == kIdDigits && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

base::Time ParseCreated(const std::string& text) {
  try {
    return base::ParseTime(text, "UTC");
  } catch (const Error& error) {
    throw Error(ErrorKind::kCorrupt, error.message());
  }
}

Config ReadConfigJson(json object) {
  if (object.at("magic").get<std::string>() != kMagic) {
    throw Error(ErrorKind::kCorrupt, "it is not of holdfast");
  }
  CheckNumber(object, "format", kFormat);
  CheckNumber(object, "suite", kSuite);
  const json& features = object.at("features");
  // Member by member: GCC 12 destroys twice what an exception leaves of a braced initialisation.
  Config config;
  config.repository_id = object.at("repository_id").get<std::string>();
  config.created = ParseCreated(object.at("created_at").get<std::string>());
  config.features.read = features.at("read").get<std::vector<std::string>>();
  config.features.write = features.at("write").get<std::vector<std::string>>();
  config.features.prune = features.at("prune").get<std::vector<std::string>>();
  config.hmac = object.at("hmac").get<std::string>();
  if (!IsRepositoryId(config.repository_id)) {
    throw Error(ErrorKind::kCorrupt, "its repository id is not one");
  }
  object.erase("hmac");
  config.authenticated = CanonicalText(object);
  return config;
}

}  // namespace

base::Bytes MakeConfig(const Keyring& keyring, base::Time created, const Features& features) {
  json object{{"magic", kMagic},
              {"format", kFormat},
              {"suite", kSuite},
              {"repository_id", keyring.repository_id()},
              {"created_at", base::FormatRfc3339(created)},
              {"features",
               {{"read", features.read}, {"write", features.write}, {"prune", features.prune}}}};
  const std::string hmac = HmacOf(keyring, CanonicalText(object));
  object["hmac"] = hmac;
  return RenderChecked(std::move(object));
}

Config ParseConfig(base::ByteView bytes) {
  return base::WithContext(
      [] { return std::string(kConfigObject); },
      [&] { return ReadingJson([&] { return ReadConfigJson(ParseChecked(bytes)); }); });
}

bool IsAuthentic(const Config& config, const Keyring& keyring) {
  return config.repository_id == keyring.repository_id() &&
         HmacOf(keyring, config.authenticated) == config.hmac;
}

void CheckFeatures(const std::vector<std::string>& features, std::string_view purpose) {
  if (features.empty()) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("the repository uses '{}', which this program does not know but would "
                          "have to, to {} it",
                          features.front(), purpose),
              {kUpgrade});
}

}  // namespace holdfast::repo
