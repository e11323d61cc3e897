// Secret keys that do not linger: zeroed when destroyed, never printed, compared in constant time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace holdfast::codec {

// Overwrites a secret, in a way that the compiler keeps.
void Wipe(base::MutableByteView secret);

class Key256 {
 public:
  static constexpr std::size_t kSize = 32;

  static Key256 Random();
  // Throws Error(kCorrupt) unless `bytes` is 32 long.
  static Key256 From(base::ByteView bytes);

  Key256(const Key256&) = default;
  Key256& operator=(const Key256&) = default;
  ~Key256();

  base::ByteView view() const { return bytes_; }

 private:
  Key256() = default;
  std::array<std::uint8_t, kSize> bytes_{};
};

}  // namespace holdfast::codec
