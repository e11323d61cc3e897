// A repository: a storage with a config object and keys that open it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "codec/key.h"
#include "codec/password.h"
#include "repo/keyring.h"
#include "storage/storage.h"

namespace holdfast::repo {

// What a key opens: everything, or no content (docs/operate/keys.md).
enum class KeyAccess { kEverything, kAddOnly };
// "everything", "add-only": in key objects and JSON.
std::string_view KeyAccessName(KeyAccess access);

// What unlocks a key object.
struct Passphrase {
  std::string text;
  ~Passphrase();  // overwrites the text
};
struct KeyFile {
  codec::Key256 secret;
  // The text of a key file: comment lines and one "holdfast-key-1:<base64>" line with a checksum.
  static KeyFile Generate();
  static KeyFile Parse(std::string_view text);  // Error(kUsage): not a key file
  // The line alone, without its end.
  std::string Line() const;
  std::string ToText(std::string_view repository_url,
                     KeyAccess access = KeyAccess::kEverything) const;
};
using Unlock = std::variant<Passphrase, KeyFile>;

struct KeyInfo {
  std::string id;
  std::string label;
  // "passphrase" or "key-file"; "damaged" when it cannot be read, "leftover" when it is of an
  // interrupted Create and opens nothing.
  std::string kind;
  KeyAccess access = KeyAccess::kEverything;
  base::Time created;
  bool opened_this = false;
};

struct CreateOptions {
  std::string key_label = {};
  codec::PasswordCost password_cost = {};  // tests make it cheap
};

// What a repository uses beyond format 1, by what a program must know it for.
struct Features {
  std::vector<std::string> read;
  std::vector<std::string> write;
  std::vector<std::string> prune;
};

// Thread-safe.
class Repository {
 public:
  // Puts the key object, then the config object: the config is the commit marker of a repository.
  // Refuses, with Error(kConflict), a storage that holds a repository or anything else. Where only
  // keys are found, an earlier Create was interrupted: it is completed with new keys, and the old
  // key objects, which open nothing, stay as leftovers.
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

  // Error(kUsage) when the repository uses a feature that a program must know to write to it, or to
  // prune it, and this one does not.
  void CheckMayWrite() const;
  void CheckMayPrune() const;

  // Reads the config object again, for who writes for long. Error(kConflict) when the storage holds
  // another repository by now, kNotFound when it holds none.
  void CheckStillThere() const;

  // What the key does that opened this.
  KeyAccess access() const;
  // Error(kUsage) when it may only add. `work`: what it was to be used for, "restoring" for
  // example.
  void RequireContentKey(std::string_view work) const;

  std::vector<KeyInfo> ListKeys() const;
  // Returns the new key's id. Error(kUsage) for more than the key in use opens itself,
  // Error(kConflict) when `unlock` opens the repository already.
  std::string AddKey(const Unlock& unlock, const CreateOptions& options,
                     KeyAccess access = KeyAccess::kEverything);
  // Error(kUsage) when the key in use may only add, Error(kConflict) for the last key and for the
  // key that opened this session, Error(kNotFound) when there is no such key. Damaged keys and
  // leftovers can be removed too.
  void RemoveKey(std::string_view key_id);

 private:
  struct Opened;
  Repository(std::shared_ptr<storage::Storage> storage, base::Clock& clock, Opened opened);

  std::shared_ptr<storage::Storage> storage_;
  base::Clock* clock_;
  std::shared_ptr<const Keyring> keyring_;
  std::string key_id_;
  Features features_;
};

// Reads and checks the config object without any key: for key-less verification. Its id.
RepositoryId ReadConfig(storage::Storage& storage);
// The same for prune, which needs no key either. Error(kUsage) as Repository::CheckMayPrune().
RepositoryId ReadConfigToPrune(storage::Storage& storage);

}  // namespace holdfast::repo
