#include "base/bytes.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace holdfast::base {

namespace {

constexpr std::uintptr_t kLargePage = 2 * kMiB;

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

[[noreturn]] void ThrowCorrupt(std::string message) {
  throw Error(ErrorKind::kCorrupt, std::move(message));
}

std::uint32_t Base64Value(char digit) {
  const auto position = kBase64Digits.find(digit);
  if (position == std::string_view::npos) ThrowCorrupt("not base64");
  return static_cast<std::uint32_t>(position);
}

}  // namespace

ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes ToBytes(std::string_view text) { return {text.begin(), text.end()}; }

bool Equal(ByteView a, ByteView b) { return std::ranges::equal(a, b); }

bool AllZero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

void ReserveLarge(Bytes& bytes, std::size_t size) {
  bytes.reserve(size);
  if (size < kLargePage) return;
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t aligned = (begin + kLargePage - 1) / kLargePage * kLargePage;
  if (aligned >= begin + size) return;
  // Advice: where it is not taken, nothing is different.
  (void)::madvise(bytes.data() + (aligned - begin), begin + size - aligned, MADV_HUGEPAGE);
}

std::string ToHex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

Bytes FromHex(std::string_view text) {
  if (text.size() % 2 != 0) ThrowCorrupt("not hexadecimal: an odd number of digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) ThrowCorrupt("not hexadecimal");
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

std::string ToBase64(ByteView bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? kBase64Digits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

Bytes FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) ThrowCorrupt("not base64: the length is not a multiple of four");
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t padding = !last || text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      group = group << 6 | (k < 4 - padding ? Base64Value(text[i + k]) : 0U);
    }
    // The bits that padding leaves over are zero, so that each value has one spelling only.
    if ((group & ((1U << (8 * padding)) - 1)) != 0)
      ThrowCorrupt("not base64: stray bits at the end");
    for (std::size_t k = 0; k < 3 - padding; ++k) {
      bytes.push_back(static_cast<std::uint8_t>(group >> (16 - 8 * k)));
    }
  }
  return bytes;
}

void ByteWriter::Fixed(std::uint64_t value, int width) {
  for (int i = 0; i < width; ++i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void ByteWriter::Varint(std::uint64_t value) {
  while (value >= 0x80) {
    out_.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  out_.push_back(static_cast<std::uint8_t>(value));
}

void ByteWriter::Sized(ByteView bytes) {
  Varint(bytes.size());
  Raw(bytes);
}

std::uint64_t ByteReader::Varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = U8();
    if (shift == 63 && byte > 1) break;
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  ThrowCorrupt(fmt::format("{} has a number that is too large", what_));
}

std::uint64_t ByteReader::VarintUpTo(std::uint64_t limit) {
  const std::uint64_t value = Varint();
  if (value > limit) ThrowCorrupt(fmt::format("{} has a count over its limit", what_));
  return value;
}

void ByteReader::ThrowEndsEarly() const {
  ThrowCorrupt(fmt::format("{} ends early, at byte {}", what_, in_.size()));
}

ByteView ByteReader::Sized() { return Raw(VarintUpTo(remaining())); }

void ByteReader::ExpectEnd() const {
  if (!AtEnd()) ThrowCorrupt(fmt::format("{} has {} bytes too many", what_, remaining()));
}

}  // namespace holdfast::base
