// CRC-32C (Castagnoli), the checksum PostgreSQL uses in pg_control, WAL records and backup
// manifests, here in its standard form: inverted at the start and at the end.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace holdfast::pg {

class Crc32c {
 public:
  void Extend(base::ByteView bytes);
  // Of all bytes so far; more may follow.
  std::uint32_t value() const { return ~state_; }

 private:
  std::uint32_t state_ = 0xFFFFFFFF;
};

std::uint32_t Crc32cOf(base::ByteView bytes);

// The CRC of two parts one after the other, from the CRC of each and the length of the second: so
// the parts of a large file can be summed in parallel. Takes time logarithmic in the length.
struct Crc32cPart {
  std::uint32_t crc = 0;
  std::uint64_t length = 0;
};
Crc32cPart Crc32cCombine(const Crc32cPart& first, const Crc32cPart& second);

}  // namespace holdfast::pg
