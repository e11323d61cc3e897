// A ring of keys that is the same in every run.
#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "repo/keyring.h"

namespace holdfast::repo {

inline codec::Key256 CountingKey(std::uint8_t first) {
  base::Bytes bytes(codec::Key256::kSize);
  std::iota(bytes.begin(), bytes.end(), first);
  return codec::Key256::From(bytes);
}

inline const RepositoryId kFixedRepositoryId = "0123456789abcdef0123456789abcdef";

inline Keyring FixedRing(std::uint32_t epoch = 1) {
  std::vector<EpochKeys> epochs;
  epochs.push_back({.epoch = epoch,
                    .meta = CountingKey(1),
                    .data = CountingKey(101),
                    // X25519 of the secret key and the base point.
                    .seal_public_key = base::FromHex(
                        "4c29f4996985e80d247e80b70303824592ff9fbad74904ea7c3d2bda24e51c12"),
                    .seal_secret_key = base::ToBytes(base::AsText(CountingKey(201).view()))});
  return {kFixedRepositoryId, std::move(epochs)};
}

}  // namespace holdfast::repo
