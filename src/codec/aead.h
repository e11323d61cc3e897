// AES-256-GCM with 96-bit counter nonces. A key must never seal two plaintexts under one counter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "codec/key.h"

namespace holdfast::codec {

inline constexpr std::size_t kAeadTagSize = 16;

// One per thread.
class Aead {
 public:
  explicit Aead(const Key256& key);
  ~Aead();
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;

  // Appends ciphertext and tag (plain.size() + kAeadTagSize bytes) to `out`.
  void Seal(std::uint64_t counter, base::ByteView associated, base::ByteView plain,
            base::Bytes& out);
  // The plaintext, or Error(kCorrupt) when anything was altered or the key is another.
  base::Bytes Open(std::uint64_t counter, base::ByteView associated, base::ByteView sealed);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::codec
