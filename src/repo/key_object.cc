#include "repo/key_object.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "base/time_text.h"
#include "codec/hash.h"
#include "codec/password.h"
#include "repo/checked_json.h"
#include "repo/ids.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kIdDigits = 16;
constexpr std::size_t kMaxLabel = 200;
constexpr const char* kPassphrase = "passphrase";
constexpr const char* kKeyFile = "key-file";
constexpr const char* kArgon2id = "argon2id";
constexpr const char* kHkdf = "hkdf-sha256";

[[noreturn]] void ThrowCorrupt(std::string message) {
  throw Error(ErrorKind::kCorrupt, std::move(message));
}

json NewDerivation(const Unlock& unlock, const codec::PasswordCost& cost) {
  const std::string salt = base::RandomHex(codec::kPasswordSaltSize);
  if (std::holds_alternative<KeyFile>(unlock)) return {{"name", kHkdf}, {"salt", salt}};
  return {{"name", kArgon2id},
          {"salt", salt},
          {"operations", cost.operations},
          {"memory_bytes", cost.memory_bytes}};
}

codec::Key256 WrappingKey(const Unlock& unlock, const json& derivation) {
  const base::Bytes salt = base::FromHex(derivation.at("salt").get<std::string>());
  if (const auto* file = std::get_if<KeyFile>(&unlock)) {
    return codec::DeriveKey(file->secret, salt, "holdfast key file v1");
  }
  const codec::PasswordCost cost{.operations = UnsignedMember(derivation, "operations"),
                                 .memory_bytes = UnsignedMember(derivation, "memory_bytes")};
  return codec::KeyFromPassword(std::get<Passphrase>(unlock).text, salt, cost);
}

std::string AssociatedText(const RepositoryId& repository_id, const json& facts) {
  return fmt::format("holdfast key v1 {}\n{}", repository_id, CanonicalText(facts));
}

void CheckUnlock(const Unlock& unlock) {
  const auto* passphrase = std::get_if<Passphrase>(&unlock);
  if (passphrase != nullptr && passphrase->text.empty()) {
    throw Error(ErrorKind::kUsage, "the passphrase is empty");
  }
}

void CheckLabel(const std::string& label) {
  if (label.size() > kMaxLabel) {
    throw Error(ErrorKind::kUsage, fmt::format("a key's label is longer than {} bytes", kMaxLabel));
  }
  try {
    static_cast<void>(json(label).dump());
  } catch (const json::exception&) {
    throw Error(ErrorKind::kUsage, "a key's label is not UTF-8");
  }
}

base::Time ParseCreated(const std::string& text) {
  try {
    return base::ParseTime(text, "UTC");
  } catch (const Error& error) {
    ThrowCorrupt(error.message());
  }
}

KeyAccess AccessOf(const Keyring& keyring) {
  return keyring.opens_content() ? KeyAccess::kEverything : KeyAccess::kAddOnly;
}

// Told without the key's secret; that it is true shows when the key is opened.
KeyAccess ReadAccess(const json& facts) {
  const auto found = facts.find("access");
  if (found == facts.end()) return KeyAccess::kEverything;
  const auto name = found->get<std::string>();
  if (name == KeyAccessName(KeyAccess::kAddOnly)) return KeyAccess::kAddOnly;
  ThrowCorrupt(fmt::format("its access \"{}\" is not known to this program", name));
}

void CheckFacts(const json& facts, std::string_view key_id) {
  if (const auto format = UnsignedMember(facts, "format"); format != kFormat) {
    ThrowCorrupt(fmt::format("its format {} is not known to this program", format));
  }
  if (facts.at("id").get<std::string>() != key_id) ThrowCorrupt("it stands under another name");
  const auto kind = facts.at("kind").get<std::string>();
  const auto name = facts.at("kdf").at("name").get<std::string>();
  if (!(kind == kPassphrase && name == kArgon2id) && !(kind == kKeyFile && name == kHkdf)) {
    ThrowCorrupt(fmt::format("a key of kind {} with {}", kind, name));
  }
}

KeyObject ReadKeyJson(std::string_view key_id, json facts) {
  CheckFacts(facts, key_id);
  // Member by member: GCC 12 destroys twice what an exception leaves of a braced initialisation.
  KeyObject object;
  object.info.id = key_id;
  object.info.label = facts.at("label").get<std::string>();
  object.info.kind = facts.at("kind").get<std::string>();
  object.info.access = ReadAccess(facts);
  object.info.created = ParseCreated(facts.at("created_at").get<std::string>());
  object.repository_id = facts.at("repository_id").get<std::string>();
  object.derivation = facts.at("kdf");
  object.wrapped = base::FromBase64(facts.at("wrapped").get<std::string>());
  facts.erase("wrapped");
  object.associated = AssociatedText(object.repository_id, facts);
  return object;
}

std::optional<Keyring> Unwrap(const KeyObject& object, const Unlock& unlock) {
  std::optional<base::Bytes> payload = codec::Unwrap(
      WrappingKey(unlock, object.derivation), base::AsBytes(object.associated), object.wrapped);
  if (!payload) return std::nullopt;
  Keyring ring = Keyring::Parse(object.repository_id, *payload);
  codec::Wipe(*payload);
  if (AccessOf(ring) != object.info.access) ThrowCorrupt("it opens another thing than it says");
  return ring;
}

}  // namespace

std::string KeyObjectName(std::string_view key_id) {
  return fmt::format("{}{}", kKeysPrefix, key_id);
}

std::optional<std::string> KeyIdOf(std::string_view object_name) {
  if (!object_name.starts_with(kKeysPrefix)) return std::nullopt;
  const std::string_view id = object_name.substr(kKeysPrefix.size());
  if (id.size() != kIdDigits ||
      id.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(id);
}

std::string_view KindOf(const Unlock& unlock) {
  return std::holds_alternative<Passphrase>(unlock) ? kPassphrase : kKeyFile;
}

NewKeyObject MakeKeyObject(const Keyring& keyring, const Unlock& unlock,
                           const CreateOptions& options, base::Time created) {
  CheckUnlock(unlock);
  CheckLabel(options.key_label);
  const std::string id = base::RandomHex(kIdDigits / 2);
  const json derivation = NewDerivation(unlock, options.password_cost);
  json facts{{"format", kFormat},
             {"id", id},
             {"repository_id", keyring.repository_id()},
             {"kind", KindOf(unlock)},
             {"label", options.key_label},
             {"created_at", base::FormatRfc3339(created)},
             {"kdf", derivation}};
  const KeyAccess access = AccessOf(keyring);
  if (access != KeyAccess::kEverything) facts["access"] = KeyAccessName(access);
  base::Bytes payload = keyring.Serialize();
  const base::Bytes wrapped =
      codec::Wrap(WrappingKey(unlock, derivation),
                  base::AsBytes(AssociatedText(keyring.repository_id(), facts)), payload);
  codec::Wipe(payload);
  facts["wrapped"] = base::ToBase64(wrapped);
  return {.id = id, .contents = RenderChecked(std::move(facts))};
}

KeyObject ParseKeyObject(std::string_view key_id, base::ByteView contents) {
  return base::WithContext(
      [&] { return KeyObjectName(key_id); },
      [&] { return ReadingJson([&] { return ReadKeyJson(key_id, ParseChecked(contents)); }); });
}

std::optional<Keyring> OpenKeyObject(const KeyObject& object, const Unlock& unlock) {
  if (object.info.kind != KindOf(unlock)) return std::nullopt;
  return base::WithContext([&] { return KeyObjectName(object.info.id); },
                           [&] { return ReadingJson([&] { return Unwrap(object, unlock); }); });
}

}  // namespace holdfast::repo
