#include "pg/binary_copy.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/error.h"
#include "pg/big_endian.h"

namespace holdfast::pg {

namespace {

constexpr std::array<std::uint8_t, 11> kSignature = {'P',  'G',  'C',  'O',  'P', 'Y',
                                                     '\n', 0xFF, '\r', '\n', 0};
constexpr std::size_t kHeaderSize = kSignature.size() + 8;
constexpr std::uint32_t kCriticalFlags = 0xFFFF0000;
constexpr std::uint32_t kMaxExtension = 64 * 1024;
constexpr std::int16_t kTrailer = -1;
constexpr std::int16_t kMaxFields = 1664;  // MaxTupleAttributeNumber
constexpr std::int32_t kNull = -1;
constexpr std::int32_t kMaxField = 0x3FFFFFFF;  // MaxAllocSize

[[noreturn]] void Corrupt(std::string_view what) {
  throw base::Error(base::ErrorKind::kCorrupt,
                    fmt::format("the server's binary COPY data {}", what));
}

std::int16_t LoadInt16(base::ByteView bytes) {
  return static_cast<std::int16_t>(LoadBigEndian<std::uint16_t>(bytes));
}
std::int32_t LoadInt32(base::ByteView bytes) {
  return static_cast<std::int32_t>(LoadBigEndian<std::uint32_t>(bytes));
}

}  // namespace

bool BinaryCopyParser::TakeHeader(base::ByteView& input) {
  if (input.size() < kHeaderSize) return false;
  if (!base::Equal(input.first(kSignature.size()), kSignature)) Corrupt("has no signature");
  const auto flags = LoadBigEndian<std::uint32_t>(input.subspan(kSignature.size()));
  const auto extension = LoadBigEndian<std::uint32_t>(input.subspan(kSignature.size() + 4));
  if ((flags & kCriticalFlags) != 0) Corrupt("has a flag that is not known");
  if (extension > kMaxExtension) Corrupt("has too long a header");
  if (input.size() < kHeaderSize + extension) return false;
  input = input.subspan(kHeaderSize + extension);
  return true;
}

bool BinaryCopyParser::TakeRow(base::ByteView& input) {
  base::ByteView rest = input;
  if (rest.size() < 2) return false;
  const std::int16_t count = LoadInt16(rest);
  rest = rest.subspan(2);
  if (count == kTrailer) {
    expecting_ = Expecting::kEnd;
    input = rest;
    return true;
  }
  if (count < 0 || count > kMaxFields) Corrupt("has a row with an impossible number of fields");
  if (field_count_.value_or(count) != count) Corrupt("has rows of different numbers of fields");
  fields_.clear();
  for (std::int16_t i = 0; i < count; ++i) {
    if (rest.size() < 4) return false;
    const std::int32_t length = LoadInt32(rest);
    rest = rest.subspan(4);
    if (length == kNull) {
      fields_.emplace_back(std::nullopt);
      continue;
    }
    if (length < 0 || length > kMaxField) Corrupt("has a field of an impossible length");
    const auto size = static_cast<std::size_t>(length);
    if (rest.size() < size) return false;
    fields_.emplace_back(rest.first(size));
    rest = rest.subspan(size);
  }
  field_count_ = count;
  row_(fields_);
  input = rest;
  return true;
}

void BinaryCopyParser::TakeAll(base::ByteView& input) {
  if (expecting_ == Expecting::kHeader) {
    if (!TakeHeader(input)) return;
    expecting_ = Expecting::kRows;
  }
  while (expecting_ == Expecting::kRows && TakeRow(input)) {
  }
  if (expecting_ == Expecting::kEnd && !input.empty()) Corrupt("goes on after its trailer");
}

void BinaryCopyParser::Feed(base::ByteView input) {
  if (pending_.empty()) {
    // The server sends a row a message, so this is the usual way: nothing is copied.
    TakeAll(input);
    pending_.assign(input.begin(), input.end());
    return;
  }
  pending_.insert(pending_.end(), input.begin(), input.end());
  base::ByteView rest = pending_;
  TakeAll(rest);
  pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(rest.size()));
}

void BinaryCopyParser::Finish() const {
  if (expecting_ != Expecting::kEnd || !pending_.empty()) Corrupt("ends without its trailer");
}

}  // namespace holdfast::pg
