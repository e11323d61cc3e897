// Hashes and key derivation: SHA-256, HMAC-SHA-256 (RFC 2104), HKDF-SHA-256 (RFC 5869) from
// OpenSSL; SipHash-2-4 from libsodium.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "codec/key.h"

namespace holdfast::codec {

using Digest = std::array<std::uint8_t, 32>;

Digest Sha256(base::ByteView bytes);
Digest HmacSha256(const Key256& key, base::ByteView bytes);
// An independent key for `purpose` (and, when given, `salt`).
Key256 DeriveKey(const Key256& key, base::ByteView salt, std::string_view purpose);

class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void Update(base::ByteView bytes);
  Digest Finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Keyed 8-byte hash that finds changed pages; the key keeps anyone from making two pages collide on
// purpose.
class PageHasher {
 public:
  explicit PageHasher(const Key256& key);
  std::uint64_t operator()(base::ByteView page) const;

 private:
  std::array<std::uint8_t, 16> key_{};
};

}  // namespace holdfast::codec
