#include "pg/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <climits>

namespace holdfast::pg {

namespace {

// A CRC is the remainder of a polynomial over GF(2), here with the coefficient of x^0 in the
// highest bit. Appending n bytes multiplies it by x^(8n).
constexpr std::uint32_t kPolynomial = 0x82F63B78;
constexpr std::uint32_t kOne = 0x80000000;           // x^0
constexpr std::uint32_t kOneByte = 0x80000000 >> 8;  // x^8

std::uint32_t TimesX(std::uint32_t value) {
  return (value & 1) != 0 ? value >> 1 ^ kPolynomial : value >> 1;
}

std::uint32_t Multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = TimesX(b);
  }
  return product;
}

// x^(8 * bytes), by repeated squaring.
std::uint32_t ShiftBy(std::uint64_t bytes) {
  std::uint32_t power = kOne;
  for (std::uint32_t square = kOneByte; bytes != 0; bytes >>= 1) {
    if ((bytes & 1) != 0) power = Multiply(power, square);
    square = Multiply(square, square);
  }
  return power;
}

}  // namespace

void Crc32c::Extend(base::ByteView bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), INT_MAX);
    // The library takes no const pointer and only reads; it leaves both inversions to us.
    state_ = crc32_iscsi(const_cast<unsigned char*>(bytes.data()), static_cast<int>(count), state_);
    bytes = bytes.subspan(count);
  }
}

std::uint32_t Crc32cOf(base::ByteView bytes) {
  Crc32c crc;
  crc.Extend(bytes);
  return crc.value();
}

Crc32cPart Crc32cCombine(const Crc32cPart& first, const Crc32cPart& second) {
  return {.crc = Multiply(ShiftBy(second.length), first.crc) ^ second.crc,
          .length = first.length + second.length};
}

}  // namespace holdfast::pg
