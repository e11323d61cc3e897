#include "pg/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "pg/digits.h"

namespace holdfast::pg {

namespace {

struct Numbers {
  std::uint32_t major;
  std::uint16_t wal_page_magic;
  std::uint32_t control_file_version;
  std::uint32_t catalog_version;
};

constexpr std::array<Numbers, 6> kNumbers = {{{13, 0xD106, 1300, 202007201},
                                              {14, 0xD10D, 1300, 202107181},
                                              {15, 0xD110, 1300, 202209061},
                                              {16, 0xD113, 1300, 202307071},
                                              {17, 0xD116, 1700, 202406281},
                                              {18, 0xD118, 1800, 202506291}}};

const Numbers& NumbersOf(MajorVersion version) {
  return kNumbers[version.number() - MajorVersion::kOldest];
}

template <typename Field, typename Value>
std::optional<MajorVersion> VersionWith(Field field, Value value) {
  const auto found = std::ranges::find(kNumbers, value, field);
  if (found == kNumbers.end()) return std::nullopt;
  return MajorVersion::FromNumber(found->major);
}

}  // namespace

MajorVersion MajorVersion::FromNumber(std::uint32_t major) {
  if (major >= kOldest && major <= kNewest) return MajorVersion(major);
  throw base::Error(base::ErrorKind::kUsage, fmt::format("PostgreSQL {} is not supported", major),
                    {fmt::format("supported are PostgreSQL {} to {}", kOldest, kNewest)});
}

MajorVersion MajorVersion::FromServerVersionNumber(std::uint32_t server_version_num) {
  return FromNumber(server_version_num / 10000);
}

MajorVersion MajorVersion::FromVersionFile(std::string_view contents) {
  const auto number = ParseDigits<std::uint32_t>(contents.substr(0, contents.find('\n')));
  if (!number) throw base::Error(base::ErrorKind::kCorrupt, "PG_VERSION holds no version");
  return FromNumber(*number);
}

std::uint16_t WalPageMagic(MajorVersion version) { return NumbersOf(version).wal_page_magic; }

std::optional<MajorVersion> VersionOfWalPageMagic(std::uint16_t magic) {
  return VersionWith(&Numbers::wal_page_magic, magic);
}

std::uint32_t ControlFileVersion(MajorVersion version) {
  return NumbersOf(version).control_file_version;
}

std::uint32_t CatalogVersion(MajorVersion version) { return NumbersOf(version).catalog_version; }

std::optional<MajorVersion> VersionOfCatalog(std::uint32_t catalog_version) {
  return VersionWith(&Numbers::catalog_version, catalog_version);
}

std::string TablespaceVersionDirectory(MajorVersion version) {
  return fmt::format("PG_{}_{}", version.number(), CatalogVersion(version));
}

}  // namespace holdfast::pg
