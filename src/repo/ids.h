// Names of the things in a repository.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace holdfast::repo {

// What a pack's bytes prove (ProvenId): a SHA-256 that every one of them is in. While a pack is
// being built it goes by a random provisional id (see PackNames).
struct PackId {
  std::array<std::uint8_t, 32> bytes{};

  std::string ToHex() const { return base::ToHex(bytes); }
  static PackId FromHex(std::string_view hex);  // Error(kCorrupt)
  // All zero: "the pack that this frame is in", in stored pack tables only.
  bool IsSelf() const { return base::AllZero(bytes); }
  auto operator<=>(const PackId&) const = default;
};

// The first half of a pack's id, as snapshots list it in clear: 16 bytes suffice to tell packs
// apart, and keep the list of a 10 TiB database under 2 MiB.
struct ShortPackId {
  std::array<std::uint8_t, 16> bytes{};
  static ShortPackId Of(const PackId& id);
  auto operator<=>(const ShortPackId&) const = default;
};

struct FrameRef {
  PackId pack;
  std::uint32_t frame = 0;
  auto operator<=>(const FrameRef&) const = default;
};

// "shop/20261121T070003Z-4f2a": the source, then the UTC second it started and four random hex
// digits.
struct BackupId {
  std::string source;
  std::string name;

  static BackupId New(std::string_view source, base::Time started);
  static BackupId Parse(std::string_view text);  // Error(kUsage)
  std::string ToString() const { return source + "/" + name; }
  auto operator<=>(const BackupId&) const = default;
};

// Source names: 1 to 64 of [a-z0-9_.-], starting with a letter or digit. Throws Error(kUsage).
void CheckSourceName(std::string_view source);

// Object names (docs/format/objects.md).
std::string PackObject(const PackId& id);
std::string SnapshotObject(const BackupId& id);
std::string TombstoneObject(const BackupId& id);
std::string WithdrawalObject(const BackupId& id);
// All pins of one backup: "pins/<source>/<backup>/".
std::string PinsOf(const BackupId& id);
inline constexpr std::string_view kConfigObject = "config";
inline constexpr std::string_view kKeysPrefix = "keys/";
inline constexpr std::string_view kPacksPrefix = "packs/";
inline constexpr std::string_view kSnapshotsPrefix = "snapshots/";
inline constexpr std::string_view kTombstoneSuffix = ".del";
inline constexpr std::string_view kWithdrawalSuffix = ".withdrawn";
inline constexpr std::string_view kPinsPrefix = "pins/";
inline constexpr std::string_view kLeasesPrefix = "leases/";
inline constexpr std::string_view kPrunePrefix = "prune/";

}  // namespace holdfast::repo

template <>
struct std::hash<holdfast::repo::PackId> {
  std::size_t operator()(const holdfast::repo::PackId& id) const noexcept;
};
