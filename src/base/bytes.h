// Raw bytes, and reading and writing of little-endian binary records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::base {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

ByteView AsBytes(std::string_view text);
std::string_view AsText(ByteView bytes);
Bytes ToBytes(std::string_view text);
bool Equal(ByteView a, ByteView b);
bool AllZero(ByteView bytes);
// As reserve; of the system, large memory is asked for in large pages: the faults of small ones
// cost as much as the work that is then done in them.
void ReserveLarge(Bytes& bytes, std::size_t size);

// Lower-case hexadecimal. FromHex throws Error(kCorrupt) on anything but pairs of hex digits.
std::string ToHex(ByteView bytes);
Bytes FromHex(std::string_view text);

// Standard base64 with padding. FromBase64 throws Error(kCorrupt) on anything else.
std::string ToBase64(ByteView bytes);
Bytes FromBase64(std::string_view text);

// Appends little-endian integers, LEB128 varints and length-prefixed bytes to a growing buffer.
class ByteWriter {
 public:
  void U8(std::uint8_t value) { out_.push_back(value); }
  void U16(std::uint16_t value) { Fixed(value, 2); }
  void U32(std::uint32_t value) { Fixed(value, 4); }
  void U64(std::uint64_t value) { Fixed(value, 8); }
  void Varint(std::uint64_t value);
  void Raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void Raw(std::string_view text) { Raw(AsBytes(text)); }
  // Varint length, then the bytes.
  void Sized(ByteView bytes);
  void Sized(std::string_view text) { Sized(AsBytes(text)); }

  std::size_t size() const { return out_.size(); }
  ByteView view() const { return out_; }
  Bytes Take() { return std::move(out_); }

 private:
  void Fixed(std::uint64_t value, int width);
  Bytes out_;
};

// Reads what ByteWriter wrote. Every read is checked: running past the end, or a varint over 64
// bits, throws Error(kCorrupt, "<what> ends early ..."). Views returned point into the input.
class ByteReader {
 public:
  // `what` names the record in error messages and must outlive the reader.
  ByteReader(ByteView input, std::string_view what) : in_(input), what_(what) {}

  std::uint8_t U8() { return static_cast<std::uint8_t>(Fixed(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Fixed(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Fixed(4)); }
  std::uint64_t U64() { return Fixed(8); }
  std::uint64_t Varint();
  // A varint that must not exceed `limit`: guards allocations against corrupt or hostile lengths.
  std::uint64_t VarintUpTo(std::uint64_t limit);
  ByteView Raw(std::size_t count) {
    if (count > remaining()) ThrowEndsEarly();
    const ByteView view = in_.subspan(position_, count);
    position_ += count;
    return view;
  }
  ByteView Sized();
  std::string SizedText() { return std::string(AsText(Sized())); }

  std::size_t remaining() const { return in_.size() - position_; }
  std::size_t position() const { return position_; }
  bool AtEnd() const { return remaining() == 0; }
  // Throws Error(kCorrupt) when bytes are left over.
  void ExpectEnd() const;

 private:
  // Here, for it is called for every field of every WAL record.
  std::uint64_t Fixed(std::size_t width) {
    std::uint64_t value = 0;
    const ByteView bytes = Raw(width);
    for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
    return value;
  }
  [[noreturn]] void ThrowEndsEarly() const;

  ByteView in_;
  std::string_view what_;
  std::size_t position_ = 0;
};

}  // namespace holdfast::base
