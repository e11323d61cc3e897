// Integers in network byte order, as PostgreSQL's protocol has them.
#pragma once

#include <concepts>
#include <cstdint>

#include "base/bytes.h"

namespace holdfast::pg {

// The first sizeof(Number) bytes of `bytes`, which must be there.
template <std::unsigned_integral Number>
Number LoadBigEndian(base::ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes.first(sizeof(Number))) value = value << 8 | byte;
  return static_cast<Number>(value);
}

template <std::unsigned_integral Number>
void AppendBigEndian(base::Bytes& out, Number value) {
  for (std::size_t i = sizeof(Number); i-- > 0;) {
    out.push_back(static_cast<std::uint8_t>(std::uint64_t{value} >> (8 * i)));
  }
}

}  // namespace holdfast::pg
