#include "restore/surroundings.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "restore/claim.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

// What cannot be looked at cannot be written into either.
bool IsThere(const base::Path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// While it is restored in place, and after a restore that was interrupted, it has no control file.
bool IsDataDirectory(const base::Path& directory) {
  return IsThere(directory / kControlPath) || IsThere(directory / kUnfinishedControlPath) ||
         (IsThere(directory / "PG_VERSION") && IsThere(directory / "global"));
}

// "PG_17_202406281": what a server of one major has in a tablespace.
bool IsVersionDirectory(const base::Path& directory) {
  constexpr std::string_view kPrefix = "PG_";
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::size_t kCatalogVersion = 9;
  const std::string name = directory.filename().native();
  const std::size_t last = name.rfind('_');
  if (!name.starts_with(kPrefix) || last <= kPrefix.size() || last == std::string::npos)
    return false;
  const std::string_view catalog = std::string_view(name).substr(last + 1);
  return catalog.size() == kCatalogVersion &&
         catalog.find_first_not_of(kDigits) == std::string_view::npos && IsThere(directory);
}

void RequireOutsideClustersAsWritten(const base::Path& written, const base::Path& place) {
  const auto refuse = [&](std::string_view what, const base::Path& around) {
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("{} lies inside {} {}", place.native(), what, around.native()),
        {"choose a place outside of it: what lies in there becomes part of the next backup"});
  };
  for (base::Path around = written.parent_path();; around = around.parent_path()) {
    if (IsDataDirectory(around)) refuse("the PostgreSQL data directory", around);
    if (IsVersionDirectory(around)) refuse("the tablespace directory", around);
    if (!around.has_relative_path()) return;
  }
}

// Without a separator at its end, which would make it its own parent.
base::Path Named(const base::Path& place) {
  const base::Path normal = place.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

// As far as this user can look; a home directory of another, for example, is taken as it is
// written.
base::Path Resolved(const base::Path& place) {
  std::error_code failed;
  const base::Path resolved = fs::weakly_canonical(place, failed);
  return failed ? place.lexically_normal() : resolved;
}

}  // namespace

bool IsWithin(const base::Path& inner, const base::Path& outer) {
  const base::Path relative = Resolved(inner).lexically_relative(Resolved(outer));
  return !relative.empty() && *relative.begin() != "..";
}

void RequireOutsideClusters(const base::Path& place) {
  // As it is written too: /proc/PID/root leads into a container, and pg_wal may be a link.
  RequireOutsideClustersAsWritten(Named(place), place);
  RequireOutsideClustersAsWritten(Named(Resolved(place)), place);
}

void RequireOutside(const base::Path& to, const std::map<pg::Oid, base::Path>& tablespaces,
                    const std::vector<base::Path>& kept) {
  std::vector<base::Path> places = {to};
  for (const auto& [oid, directory] : tablespaces) places.push_back(directory);
  for (const base::Path& place : places) {
    const auto around =
        std::ranges::find_if(kept, [&](const base::Path& one) { return IsWithin(place, one); });
    if (around == kept.end()) continue;
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("{} lies in {}, which holdfast uses itself", place.native(), around->native()),
        {"choose a place outside of it"});
  }
}

}  // namespace holdfast::restore
