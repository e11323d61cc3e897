// From a passphrase to a key, and secrets wrapped under a key: libsodium's Argon2id and
// XChaCha20-Poly1305.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "codec/key.h"

namespace holdfast::codec {

struct PasswordCost {
  std::uint64_t operations = 3;
  std::uint64_t memory_bytes = 256 * base::kMiB;
};

inline constexpr std::size_t kPasswordSaltSize = 16;

// Argon2id (RFC 9106). Throws Error(kUnavailable) when the memory cannot be had, Error(kCorrupt)
// for absurd costs.
Key256 KeyFromPassword(std::string_view password, base::ByteView salt, const PasswordCost& cost);

// Random 24-byte nonce, ciphertext, tag.
base::Bytes Wrap(const Key256& key, base::ByteView associated, base::ByteView secret);
// Empty when the key is not the one it was wrapped under (or the bytes were altered: it cannot be
// told apart).
std::optional<base::Bytes> Unwrap(const Key256& key, base::ByteView associated,
                                  base::ByteView wrapped);

// X25519 sealed boxes: anyone with the public key seals, only the secret key opens. Adds 48 bytes.
struct SealPair {
  base::Bytes public_key;  // 32
  base::Bytes secret_key;  // 32
};
SealPair NewSealPair();
base::Bytes SealTo(base::ByteView public_key, base::ByteView secret);
std::optional<base::Bytes> OpenSealed(const SealPair& pair, base::ByteView sealed);

}  // namespace holdfast::codec
