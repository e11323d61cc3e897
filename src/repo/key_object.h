// Key objects: the ring of keys, wrapped under what unlocks it (docs/format/keys.md).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "repo/keyring.h"
#include "repo/repository.h"

namespace holdfast::repo {

struct KeyObject {
  KeyInfo info;
  RepositoryId repository_id;
  nlohmann::json derivation;  // how the wrapping key comes from the passphrase or key file
  std::string associated;     // what the wrapped ring is bound to
  base::Bytes wrapped;
};

std::string KeyObjectName(std::string_view key_id);
// Empty when the name is not that of a key object.
std::optional<std::string> KeyIdOf(std::string_view object_name);

// "passphrase" or "key-file".
std::string_view KindOf(const Unlock& unlock);

struct NewKeyObject {
  std::string id;
  base::Bytes contents;
};
// What the key opens is what `keyring` does. Error(kUsage) for an empty passphrase or a label that
// is too long or not UTF-8.
NewKeyObject MakeKeyObject(const Keyring& keyring, const Unlock& unlock,
                           const CreateOptions& options, base::Time created);

// Error(kCorrupt) when it was altered or belongs under another id.
KeyObject ParseKeyObject(std::string_view key_id, base::ByteView contents);
// Empty when `unlock` is of another kind or does not open it. Error(kCorrupt) for absurd costs.
std::optional<Keyring> OpenKeyObject(const KeyObject& object, const Unlock& unlock);

}  // namespace holdfast::repo
