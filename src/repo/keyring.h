// The keys of an open repository, and what is derived from them.
//
// Metadata and content have independent root keys, so that a host may plan incrementals (footers,
// maps, trees) and yet read no content. Every object names the epoch of the keys it was made under.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "codec/hash.h"
#include "codec/key.h"

namespace holdfast::repo {

using RepositoryId = std::string;  // 32 hex digits

struct EpochKeys {
  std::uint32_t epoch = 1;
  codec::Key256 meta;
  std::optional<codec::Key256> data;  // absent on a host that may only add
  base::Bytes seal_public_key;        // X25519; pack keys are sealed to it by hosts without `data`
  base::Bytes seal_secret_key;        // empty on a host that may only add
};

class Keyring {
 public:
  // At least one epoch, ascending; otherwise Error(kCorrupt), also for keys of wrong sizes.
  Keyring(RepositoryId repository_id, std::vector<EpochKeys> epochs);
  static Keyring Generate(RepositoryId repository_id);
  Keyring(const Keyring&) = default;
  Keyring& operator=(const Keyring&) = default;
  ~Keyring();

  // What a host that may only add gets: no data keys, no secret seal keys.
  Keyring AddOnly() const;

  // The secret payload of a key object (docs/format/keys.md).
  base::Bytes Serialize() const;
  static Keyring Parse(RepositoryId repository_id, base::ByteView payload);  // Error(kCorrupt)

  const RepositoryId& repository_id() const { return repository_id_; }
  // The oldest epoch: for what must stay the same for ever.
  const EpochKeys& first() const { return epochs_.front(); }
  // The newest epoch: new objects are made under it.
  const EpochKeys& current() const { return epochs_.back(); }
  // Throws Error(kCorrupt) for an epoch this ring does not know.
  const EpochKeys& epoch(std::uint32_t number) const;

  // False on a host that may only add: it lacks the keys of content, of one epoch at least.
  bool opens_content() const;

  // Keyed 8-byte page hashes and keyed content digests are made under the first epoch for ever, so
  // that they stay comparable between backups.
  codec::PageHasher page_hasher() const;
  // HMAC-SHA-256 cut to 16 bytes, independent for each `purpose`.
  std::array<std::uint8_t, 16> ContentDigest(std::string_view purpose,
                                             base::ByteView content) const;

 private:
  RepositoryId repository_id_;
  std::vector<EpochKeys> epochs_;  // ascending
};

}  // namespace holdfast::repo
