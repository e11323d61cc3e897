#include "repo/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "repo/checked_json.h"
#include "repo/config_object.h"
#include "repo/ids.h"
#include "repo/key_object.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using storage::PutOutcome;
using storage::Storage;

constexpr std::size_t kRepositoryIdBytes = 16;

// A key object as it is found: readable, or not and why.
struct FoundKey {
  KeyInfo info;
  std::optional<KeyObject> object;
  std::optional<Error> problem;
};

// Empty when it was removed meanwhile.
std::optional<FoundKey> LoadKey(Storage& storage, const storage::ObjectInfo& listed,
                                const std::string& key_id, const RepositoryId& repository_id) {
  FoundKey key{.info = {.id = key_id, .label = {}, .kind = "damaged", .created = listed.modified},
               .object = std::nullopt,
               .problem = std::nullopt};
  try {
    const std::optional<base::Bytes> contents = GetSmallObject(storage, listed.name);
    if (!contents) return std::nullopt;
    KeyObject object = ParseKeyObject(key_id, *contents);
    key.info = object.info;
    if (object.repository_id == repository_id) {
      key.object = std::move(object);
    } else {
      key.info.kind = "leftover";
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    key.problem = error;
  }
  return key;
}

std::vector<FoundKey> LoadKeys(Storage& storage, const RepositoryId& repository_id) {
  std::vector<FoundKey> keys;
  for (const storage::ObjectInfo& listed : storage::ListAll(storage, kKeysPrefix)) {
    const std::optional<std::string> id = KeyIdOf(listed.name);
    if (!id) continue;
    std::optional<FoundKey> key = LoadKey(storage, listed, *id, repository_id);
    if (key) keys.push_back(std::move(*key));
  }
  return keys;
}

bool HoldsAny(Storage& storage, std::string_view prefix) {
  struct Found {};
  try {
    storage.List(prefix, {}, [](const storage::ObjectInfo&) { throw Found(); });
  } catch (const Found&) {
    return true;
  }
  return false;
}

std::vector<std::string> HowToGetConfigBack() {
  return {
      "put it back as it was, a file of some 400 bytes: from a copy or a snapshot of that disk, "
      "or as an earlier version of the object in the bucket",
      "what the source's copies hold does not need it: --repository NAME",
      "delete nothing: with it and a key everything is there again"};
}

// Whoever has lost the one object that says so has a repository all the same, and must not be told
// to make another.
[[noreturn]] void ThrowNoConfig(Storage& storage) {
  const std::string place = storage.traits().description;
  for (const std::string_view prefix : {kSnapshotsPrefix, kPacksPrefix, std::string_view("wal/")}) {
    if (!HoldsAny(storage, prefix)) continue;
    throw Error(
        ErrorKind::kCorrupt,
        fmt::format("the repository in {} has lost its object {}, without which nothing of it can "
                    "be read",
                    place, kConfigObject),
        HowToGetConfigBack());
  }
  throw Error(ErrorKind::kNotFound, fmt::format("there is no repository in {}", place),
              {HoldsAny(storage, kKeysPrefix)
                   ? "it has keys and nothing else: `holdfast init` was interrupted, repeat it"
                   : "create one with `holdfast init`"});
}

Config ParseIntactConfig(const base::Bytes& bytes) {
  try {
    return ParseConfig(bytes);
  } catch (Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    for (std::string& hint : HowToGetConfigBack()) error.AddHint(std::move(hint));
    throw;
  }
}

Config LoadConfig(Storage& storage) {
  const std::optional<base::Bytes> bytes = GetSmallObject(storage, kConfigObject);
  if (!bytes) ThrowNoConfig(storage);
  Config config = ParseIntactConfig(*bytes);
  CheckFeatures(config.features.read, "read");
  return config;
}

[[noreturn]] void ThrowNothingOpens(const std::vector<FoundKey>& keys, const Unlock& unlock) {
  // With a damaged key it cannot be said that what was given is wrong: it may have been for that.
  for (const FoundKey& key : keys) {
    if (key.problem) throw Error(*key.problem);
  }
  const auto usable = [](const FoundKey& key) { return key.object.has_value(); };
  if (std::ranges::none_of(keys, usable)) {
    throw Error(ErrorKind::kCorrupt, "the repository has no keys left",
                {"put a copy of an object under keys/ back: without one nothing can be read"});
  }
  const std::string_view kind = KindOf(unlock);
  const auto fitting = [&](const FoundKey& key) { return key.object && key.info.kind == kind; };
  const std::string name = kind == "passphrase" ? "passphrase" : "key file";
  if (std::ranges::none_of(keys, fitting)) {
    throw Error(
        ErrorKind::kUsage, fmt::format("wrong {0}: no {0} opens this repository", name),
        {"it is opened with a " + std::string(kind == "passphrase" ? "key file" : "passphrase")});
  }
  throw Error(ErrorKind::kUsage, "wrong " + name,
              {"name the one that opens it: key_file, passphrase_file or passphrase_env"});
}

struct OpenedKey {
  Keyring keyring;
  std::string id;
};

// Tries the newest first: each try of a passphrase takes a second or so. Those that open everything
// come before those that only add, should one secret open both.
OpenedKey OpenAnyKey(std::vector<FoundKey> keys, const Unlock& unlock) {
  std::ranges::stable_sort(keys, std::ranges::greater(), [](const FoundKey& key) {
    return std::pair(key.info.access == KeyAccess::kEverything, key.info.created);
  });
  for (FoundKey& key : keys) {
    if (!key.object) continue;
    try {
      std::optional<Keyring> ring = OpenKeyObject(*key.object, unlock);
      if (ring) return {.keyring = *ring, .id = key.info.id};
    } catch (const Error& error) {
      // Another key may still open.
      key.problem = error;
    }
  }
  ThrowNothingOpens(keys, unlock);
}

// Throws unless nothing is there but the keys of an interrupted Create. Stops at the first other
// object: the place may hold millions of someone else's.
void CheckPlaceIsFree(Storage& storage) {
  const std::string place = storage.traits().description;
  if (storage.Stat(kConfigObject)) {
    throw Error(ErrorKind::kConflict, fmt::format("{} is already a repository", place));
  }
  storage.List("", {}, [&](const storage::ObjectInfo& object) {
    if (KeyIdOf(object.name)) return;
    throw Error(ErrorKind::kConflict,
                fmt::format("{} holds files that are not holdfast's: {}", place, object.name),
                {"choose an empty place, or a folder of its own in it"});
  });
}

void PutKey(Storage& storage, const NewKeyObject& key) {
  const std::string name = KeyObjectName(key.id);
  if (storage.Put(name, key.contents) == PutOutcome::kStored) return;
  // A repeated request may find what the first one stored.
  const std::optional<base::Bytes> stored = storage.Get(name);
  if (stored && *stored == key.contents) return;
  throw Error(ErrorKind::kConflict, fmt::format("{} exists already", name), {"try again"});
}

// Did this config become the storage's? Reads it back in any case: not every store refuses to
// replace an object.
bool PutConfig(Storage& storage, base::ByteView contents) {
  static_cast<void>(storage.Put(kConfigObject, contents));
  const std::optional<base::Bytes> stored = storage.Get(kConfigObject);
  return stored && base::Equal(*stored, contents);
}

[[noreturn]] void ThrowLostTheRace(Storage& storage, const std::string& key_object) {
  Error lost(ErrorKind::kConflict, fmt::format("{} has just become a repository by another's doing",
                                               storage.traits().description));
  try {
    static_cast<void>(storage.Remove(key_object));
  } catch (const Error&) {
    lost.AddHint(key_object + " is left over; it opens nothing and can be removed");
  }
  throw lost;
}

// A host with a secret that opens everything would not be one that may only add, and one that was
// to add only must not come to read by an oversight. With the same access a second key would add
// nothing, and stay when the first is removed to shut its holder out.
void RefuseKnown(const std::vector<FoundKey>& keys, const Unlock& unlock, KeyAccess access) {
  for (const FoundKey& key : keys) {
    if (!key.object || !OpenKeyObject(*key.object, unlock)) continue;
    Error known(ErrorKind::kConflict,
                fmt::format("that {} opens the repository already, as key {} with access to {}",
                            KindOf(unlock) == "passphrase" ? "passphrase" : "key file", key.info.id,
                            key.info.access == KeyAccess::kAddOnly ? "adding only" : "everything"));
    known.AddHint(key.info.access == access
                      ? "there is nothing to add; for another key name a new one"
                      : "name a new one");
    known.AddHint(fmt::format("or remove that key first: holdfast key remove {}", key.info.id));
    throw known;
  }
}

[[noreturn]] void ThrowKeyStays(std::string_view key_id) {
  throw Error(ErrorKind::kConflict,
              fmt::format("key {} stays: the key in use was removed meanwhile", key_id));
}

}  // namespace

std::string_view KeyAccessName(KeyAccess access) {
  return access == KeyAccess::kAddOnly ? "add-only" : "everything";
}

Passphrase::~Passphrase() {
  codec::Wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

struct Repository::Opened {
  Keyring keyring;
  std::string key_id;
  Features features;
};

Repository::Repository(std::shared_ptr<Storage> storage, base::Clock& clock, Opened opened)
    : storage_(std::move(storage)),
      clock_(&clock),
      keyring_(std::make_shared<const Keyring>(std::move(opened.keyring))),
      key_id_(std::move(opened.key_id)),
      features_(std::move(opened.features)) {}

Repository Repository::Create(std::shared_ptr<Storage> storage, base::Clock& clock,
                              const Unlock& unlock, const CreateOptions& options) {
  CheckPlaceIsFree(*storage);
  Keyring keyring = Keyring::Generate(base::RandomHex(kRepositoryIdBytes));
  const NewKeyObject key = MakeKeyObject(keyring, unlock, options, clock.Now());
  PutKey(*storage, key);
  if (!PutConfig(*storage, MakeConfig(keyring, clock.Now()))) {
    ThrowLostTheRace(*storage, KeyObjectName(key.id));
  }
  return {std::move(storage), clock, {.keyring = keyring, .key_id = key.id, .features = {}}};
}

Repository Repository::Open(std::shared_ptr<Storage> storage, base::Clock& clock,
                            const Unlock& unlock) {
  Config config = LoadConfig(*storage);
  OpenedKey key = OpenAnyKey(LoadKeys(*storage, config.repository_id), unlock);
  if (!IsAuthentic(config, key.keyring)) {
    throw Error(ErrorKind::kCorrupt, "config: it was not made with the keys of this repository");
  }
  return {std::move(storage),
          clock,
          {.keyring = key.keyring,
           .key_id = std::move(key.id),
           .features = std::move(config.features)}};
}

void Repository::CheckStillThere() const {
  const std::string place = storage_->traits().description;
  try {
    if (ReadConfig(*storage_) == id()) return;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    // Which repository it is cannot be told, and may be once the object was put back.
    throw Error(ErrorKind::kUnavailable, error.message(), error.hints());
  }
  throw Error(ErrorKind::kConflict,
              fmt::format("{} holds another repository than when this run began", place),
              {"was it created anew, or replaced? nothing more is written to it; start again to "
               "use what is there now, with its own key"});
}

void Repository::CheckMayWrite() const { CheckFeatures(features_.write, "write to"); }
void Repository::CheckMayPrune() const { CheckFeatures(features_.prune, "prune"); }

std::vector<KeyInfo> Repository::ListKeys() const {
  std::vector<KeyInfo> infos;
  for (FoundKey& key : LoadKeys(*storage_, id())) {
    key.info.opened_this = key.info.id == key_id_;
    infos.push_back(std::move(key.info));
  }
  return infos;
}

KeyAccess Repository::access() const {
  return keyring_->opens_content() ? KeyAccess::kEverything : KeyAccess::kAddOnly;
}

void Repository::RequireContentKey(std::string_view work) const {
  if (access() == KeyAccess::kEverything) return;
  throw Error(
      ErrorKind::kUsage,
      fmt::format("{} needs a key that opens everything, and the one in use may only add", work),
      {"name another key of the repository: key_file, passphrase_file or passphrase_env",
       "`holdfast key list` shows which keys only add"});
}

std::string Repository::AddKey(const Unlock& unlock, const CreateOptions& options,
                               KeyAccess access) {
  if (access == KeyAccess::kEverything) RequireContentKey("adding a key that opens everything");
  RefuseKnown(LoadKeys(*storage_, id()), unlock, access);
  const Keyring ring = access == KeyAccess::kAddOnly ? keyring_->AddOnly() : *keyring_;
  NewKeyObject key = MakeKeyObject(ring, unlock, options, clock_->Now());
  PutKey(*storage_, key);
  return std::move(key.id);
}

void Repository::RemoveKey(std::string_view key_id) {
  RequireContentKey("removing a key");
  const std::string name = KeyObjectName(key_id);
  const std::optional<base::Bytes> contents =
      KeyIdOf(name) ? GetSmallObject(*storage_, name) : std::nullopt;
  if (!contents)
    throw Error(ErrorKind::kNotFound, fmt::format("there is no key {}", key_id),
                {"`holdfast key list` shows those there are"});
  if (key_id == key_id_) {
    throw Error(ErrorKind::kConflict, fmt::format("key {} opened this repository just now", key_id),
                {"open it with another key to remove this one"});
  }
  const std::string in_use = KeyObjectName(key_id_);
  if (!storage_->Stat(in_use)) ThrowKeyStays(key_id);
  static_cast<void>(storage_->Remove(name));
  // Two sessions that remove each other's key would leave none: whoever comes last puts its back.
  if (storage_->Stat(in_use)) return;
  PutKey(*storage_, {.id = std::string(key_id), .contents = *contents});
  ThrowKeyStays(key_id);
}

RepositoryId ReadConfig(Storage& storage) { return LoadConfig(storage).repository_id; }

RepositoryId ReadConfigToPrune(Storage& storage) {
  Config config = LoadConfig(storage);
  CheckFeatures(config.features.prune, "prune");
  return std::move(config.repository_id);
}

}  // namespace holdfast::repo
