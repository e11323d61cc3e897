// The numbers PostgreSQL counts with, each a type of its own where two could be swapped.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::pg {

// Object identifiers are 32 bits and 0 is "none".
using Oid = std::uint32_t;
using TransactionId = std::uint32_t;
// A page's place in one fork of a relation, counted over all its segment files.
using BlockNumber = std::uint32_t;

// A byte position in the WAL of a cluster. 0 is no position: the first page of the first segment
// is never used.
class Lsn {
 public:
  constexpr Lsn() = default;
  constexpr explicit Lsn(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }
  constexpr bool IsValid() const { return value_ != 0; }
  friend constexpr auto operator<=>(Lsn, Lsn) = default;

  friend constexpr Lsn operator+(Lsn lsn, std::uint64_t bytes) { return Lsn(lsn.value_ + bytes); }
  friend constexpr Lsn operator-(Lsn lsn, std::uint64_t bytes) { return Lsn(lsn.value_ - bytes); }
  // Bytes from `from` to `to`; `from` must not lie behind.
  friend constexpr std::uint64_t operator-(Lsn to, Lsn from) { return to.value_ - from.value_; }

 private:
  std::uint64_t value_ = 0;
};

// "16/B374D848", as the server writes it: two hexadecimal halves without leading zeros.
std::string FormatLsn(Lsn lsn);
// Either case, 1 to 8 digits a half; leading zeros are accepted. ParseLsn throws Error(kCorrupt).
std::optional<Lsn> TryParseLsn(std::string_view text);
Lsn ParseLsn(std::string_view text);

// An unsigned number that converts to and from no other.
template <typename Tag, std::unsigned_integral Number>
class StrongNumber {
 public:
  constexpr StrongNumber() = default;
  constexpr explicit StrongNumber(Number value) : value_(value) {}
  constexpr Number value() const { return value_; }
  friend constexpr auto operator<=>(StrongNumber, StrongNumber) = default;

 private:
  Number value_ = 0;
};

// A branch of a cluster's history; the first is 1, 0 is none.
using TimelineId = StrongNumber<struct TimelineIdTag, std::uint32_t>;
// Made by initdb, the same on all copies of a cluster; pg_upgrade makes a new one.
using SystemIdentifier = StrongNumber<struct SystemIdentifierTag, std::uint64_t>;

}  // namespace holdfast::pg

template <>
struct std::hash<holdfast::pg::Lsn> {
  std::size_t operator()(holdfast::pg::Lsn lsn) const noexcept {
    return std::hash<std::uint64_t>{}(lsn.value());
  }
};

template <typename Tag, typename Number>
struct std::hash<holdfast::pg::StrongNumber<Tag, Number>> {
  std::size_t operator()(holdfast::pg::StrongNumber<Tag, Number> number) const noexcept {
    return std::hash<Number>{}(number.value());
  }
};
