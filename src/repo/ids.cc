#include "repo/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "base/time_text.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t kMaxSourceName = 64;
// 'd' stands for a digit, 'x' for a lower-case hex digit, all else for itself.
constexpr std::string_view kNamePattern = "ddddddddTddddddZ-xxxx";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }
bool IsLowerAlphanumeric(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z'); }
bool IsSourceCharacter(char c) {
  return IsLowerAlphanumeric(c) || c == '_' || c == '.' || c == '-';
}

bool IsBackupName(std::string_view name) {
  return std::ranges::equal(name, kNamePattern, [](char c, char pattern) {
    if (pattern == 'd') return IsDigit(c);
    if (pattern == 'x') return IsLowerHex(c);
    return c == pattern;
  });
}

}  // namespace

PackId PackId::FromHex(std::string_view hex) {
  PackId id;
  if (hex.size() != id.bytes.size() * 2 || !std::ranges::all_of(hex, IsLowerHex)) {
    throw Error(ErrorKind::kCorrupt, fmt::format("'{}' is not the id of a pack", hex));
  }
  std::ranges::copy(base::FromHex(hex), id.bytes.begin());
  return id;
}

ShortPackId ShortPackId::Of(const PackId& id) {
  ShortPackId result;
  std::copy_n(id.bytes.begin(), result.bytes.size(), result.bytes.begin());
  return result;
}

BackupId BackupId::New(std::string_view source, base::Time started) {
  CheckSourceName(source);
  return {.source = std::string(source),
          .name = fmt::format("{}-{}", base::FormatCompactUtc(started), base::RandomHex(2))};
}

BackupId BackupId::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || !IsBackupName(text.substr(slash + 1))) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is not the id of a backup", text),
                {"ids look like shop/20261121T070003Z-4f2a"});
  }
  CheckSourceName(text.substr(0, slash));
  return {.source = std::string(text.substr(0, slash)),
          .name = std::string(text.substr(slash + 1))};
}

void CheckSourceName(std::string_view source) {
  if (!source.empty() && source.size() <= kMaxSourceName &&
      std::ranges::all_of(source, IsSourceCharacter) && IsLowerAlphanumeric(source.front())) {
    return;
  }
  throw Error(ErrorKind::kUsage, fmt::format("'{}' cannot be the name of a source", source),
              {"1 to 64 of a-z, 0-9, '_', '.' and '-', starting with a letter or digit"});
}

std::string PackObject(const PackId& id) {
  const std::string hex = id.ToHex();
  return fmt::format("{}{}/{}", kPacksPrefix, hex.substr(0, 2), hex);
}

std::string SnapshotObject(const BackupId& id) {
  return fmt::format("{}{}", kSnapshotsPrefix, id.ToString());
}

std::string TombstoneObject(const BackupId& id) {
  return fmt::format("{}{}", SnapshotObject(id), kTombstoneSuffix);
}

std::string WithdrawalObject(const BackupId& id) {
  return fmt::format("{}{}", SnapshotObject(id), kWithdrawalSuffix);
}

std::string PinsOf(const BackupId& id) { return fmt::format("{}{}/", kPinsPrefix, id.ToString()); }

}  // namespace holdfast::repo

std::size_t std::hash<holdfast::repo::PackId>::operator()(
    const holdfast::repo::PackId& id) const noexcept {
  std::size_t value = 0;
  static_assert(sizeof value <= sizeof id.bytes);
  std::memcpy(&value, id.bytes.data(), sizeof value);
  return value;
}
