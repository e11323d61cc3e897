// The server versions holdfast knows, and the numbers each major version writes into its files.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::pg {

// A major version: 13 to 18.
class MajorVersion {
 public:
  static constexpr std::uint32_t kOldest = 13;
  static constexpr std::uint32_t kNewest = 18;

  // Throws Error(kUsage), naming what is supported.
  static MajorVersion FromNumber(std::uint32_t major);
  // From the setting server_version_num: 150016 is 15.16.
  static MajorVersion FromServerVersionNumber(std::uint32_t server_version_num);
  // From a file PG_VERSION: "15\n". Throws Error(kCorrupt) when it is no number.
  static MajorVersion FromVersionFile(std::string_view contents);

  std::uint32_t number() const { return number_; }
  friend constexpr auto operator<=>(MajorVersion, MajorVersion) = default;

 private:
  explicit constexpr MajorVersion(std::uint32_t number) : number_(number) {}
  std::uint32_t number_;
};

// XLOG_PAGE_MAGIC of src/include/access/xlog_internal.h in the release branch.
std::uint16_t WalPageMagic(MajorVersion version);
std::optional<MajorVersion> VersionOfWalPageMagic(std::uint16_t magic);

// PG_CONTROL_VERSION of src/include/catalog/pg_control.h in the release branch.
std::uint32_t ControlFileVersion(MajorVersion version);
// CATALOG_VERSION_NO of the release branch: the same for all its minor releases.
std::uint32_t CatalogVersion(MajorVersion version);
std::optional<MajorVersion> VersionOfCatalog(std::uint32_t catalog_version);

// "PG_15_202209061": the folder of one major version inside a tablespace.
std::string TablespaceVersionDirectory(MajorVersion version);

}  // namespace holdfast::pg
