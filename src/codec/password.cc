#include "codec/password.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>

#include "base/error.h"

namespace holdfast::codec {

namespace {

using base::Error;
using base::ErrorKind;

// A key object says what opening it costs, and may be hostile: these are far above any sensible
// cost.
constexpr std::uint64_t kMaxOperations = 64;
constexpr std::uint64_t kMaxMemory = 4 * base::kGiB;

constexpr std::size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;

void StartSodium() {
  static const int outcome = sodium_init();
  if (outcome < 0) throw Error(ErrorKind::kInternal, "libsodium could not start");
}

void CheckCost(const PasswordCost& cost) {
  if (cost.operations < crypto_pwhash_argon2id_OPSLIMIT_MIN || cost.operations > kMaxOperations ||
      cost.memory_bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN || cost.memory_bytes > kMaxMemory) {
    throw Error(ErrorKind::kCorrupt,
                fmt::format("absurd cost of a passphrase: {} operations over {} bytes",
                            cost.operations, cost.memory_bytes));
  }
}

void CheckSize(base::ByteView bytes, std::size_t size, std::string_view what) {
  if (bytes.size() == size) return;
  throw Error(ErrorKind::kCorrupt,
              fmt::format("{} of {} bytes where {} belong", what, bytes.size(), size));
}

}  // namespace

Key256 KeyFromPassword(std::string_view password, base::ByteView salt, const PasswordCost& cost) {
  StartSodium();
  CheckCost(cost);
  static_assert(kPasswordSaltSize == crypto_pwhash_argon2id_SALTBYTES);
  CheckSize(salt, kPasswordSaltSize, "a passphrase's salt");
  std::array<std::uint8_t, Key256::kSize> bytes{};
  if (crypto_pwhash(bytes.data(), bytes.size(), password.data(), password.size(), salt.data(),
                    cost.operations, cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw Error(ErrorKind::kUnavailable,
                fmt::format("not enough memory to check a passphrase: it takes {} MiB",
                            cost.memory_bytes / base::kMiB));
  }
  const Key256 key = Key256::From(bytes);
  sodium_memzero(bytes.data(), bytes.size());
  return key;
}

base::Bytes Wrap(const Key256& key, base::ByteView associated, base::ByteView secret) {
  StartSodium();
  base::Bytes wrapped(kNonceSize + secret.size() + kTagSize);
  randombytes_buf(wrapped.data(), kNonceSize);
  crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped.data() + kNonceSize, nullptr, secret.data(),
                                             secret.size(), associated.data(), associated.size(),
                                             nullptr, wrapped.data(), key.view().data());
  return wrapped;
}

std::optional<base::Bytes> Unwrap(const Key256& key, base::ByteView associated,
                                  base::ByteView wrapped) {
  StartSodium();
  if (wrapped.size() < kNonceSize + kTagSize) return std::nullopt;
  const base::ByteView sealed = wrapped.subspan(kNonceSize);
  base::Bytes secret(sealed.size() - kTagSize);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          secret.data(), nullptr, nullptr, sealed.data(), sealed.size(), associated.data(),
          associated.size(), wrapped.data(), key.view().data()) != 0) {
    return std::nullopt;
  }
  return secret;
}

SealPair NewSealPair() {
  StartSodium();
  SealPair pair{.public_key = base::Bytes(crypto_box_PUBLICKEYBYTES),
                .secret_key = base::Bytes(crypto_box_SECRETKEYBYTES)};
  crypto_box_keypair(pair.public_key.data(), pair.secret_key.data());
  return pair;
}

base::Bytes SealTo(base::ByteView public_key, base::ByteView secret) {
  StartSodium();
  CheckSize(public_key, crypto_box_PUBLICKEYBYTES, "a public key");
  base::Bytes sealed(secret.size() + crypto_box_SEALBYTES);
  if (crypto_box_seal(sealed.data(), secret.data(), secret.size(), public_key.data()) != 0) {
    throw Error(ErrorKind::kCorrupt, "a public key is not one that can be sealed to");
  }
  return sealed;
}

std::optional<base::Bytes> OpenSealed(const SealPair& pair, base::ByteView sealed) {
  StartSodium();
  CheckSize(pair.public_key, crypto_box_PUBLICKEYBYTES, "a public key");
  CheckSize(pair.secret_key, crypto_box_SECRETKEYBYTES, "a secret key");
  if (sealed.size() < crypto_box_SEALBYTES) return std::nullopt;
  base::Bytes secret(sealed.size() - crypto_box_SEALBYTES);
  if (crypto_box_seal_open(secret.data(), sealed.data(), sealed.size(), pair.public_key.data(),
                           pair.secret_key.data()) != 0) {
    return std::nullopt;
  }
  return secret;
}

}  // namespace holdfast::codec
