// A repository: a storage with a config object and keys that open it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "codec/password.h"
#include "repo/keyring.h"
#include "storage/storage.h"

namespace holdfast::repo {

// What unlocks a key object.
struct Passphrase {
  std::string text;
};
struct KeyFile {
  codec::Key256 secret;
  // The text of a key file: comment lines and one "holdfast-key-1:<base64>" line with a checksum.
  static KeyFile Generate();
  static KeyFile Parse(std::string_view text);  // Error(kUsage): not a key file
  std::string ToText(std::string_view repository_url) const;
};
using Unlock = std::variant<Passphrase, KeyFile>;

struct KeyInfo {
  std::string id;
  std::string label;
  std::string kind;  // "passphrase" or "key-file"
  base::Time created;
  bool opened_this = false;
};

struct CreateOptions {
  std::string key_label;
  codec::PasswordCost password_cost;  // tests make it cheap
};

// Thread-safe.
class Repository {
 public:
  // Puts the key object, then the config object: the config is the commit marker of a repository.
  // Refuses, with Error(kConflict), a storage that holds a repository (also an unfinished one, told
  // apart) or anything else.
  static Repository Create(std::shared_ptr<storage::Storage> storage, base::Clock& clock,
                           const Unlock& unlock, const CreateOptions& options);
  // Error(kNotFound): no repository here; kCorrupt: config or keys altered; kUsage with "wrong
  // passphrase" or "wrong key file" when no key opens, and for a format or feature that this
  // program is too old for.
  static Repository Open(std::shared_ptr<storage::Storage> storage, base::Clock& clock,
                         const Unlock& unlock);

  const RepositoryId& id() const { return keyring_->repository_id(); }
  storage::Storage& storage() const { return *storage_; }
  base::Clock& clock() const { return *clock_; }
  const Keyring& keyring() const { return *keyring_; }

  std::vector<KeyInfo> ListKeys() const;
  std::string AddKey(const Unlock& unlock,
                     const CreateOptions& options);  // returns the new key's id
  // Refuses to remove the last key, and the key that opened this session.
  void RemoveKey(std::string_view key_id);

 private:
  Repository(std::shared_ptr<storage::Storage> storage, base::Clock& clock, Keyring keyring,
             std::string key_id);

  std::shared_ptr<storage::Storage> storage_;
  base::Clock* clock_;
  std::shared_ptr<const Keyring> keyring_;
  std::string key_id_;
};

// Reads and checks the config object without any key: for key-less verification. Its id.
RepositoryId ReadConfig(storage::Storage& storage);

}  // namespace holdfast::repo
