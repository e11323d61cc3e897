#include "restore/destination.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/error.h"
#include "base/size_text.h"
#include "restore/surroundings.h"

namespace holdfast::restore {

namespace {

bool Contains(const base::Path& outer, const base::Path& inner) {
  const auto [mismatch, rest] = std::ranges::mismatch(outer, inner);
  return mismatch == outer.end();
}

void CheckApart(const base::Path& a, const base::Path& b) {
  if (Contains(a, b) || Contains(b, a) || IsWithin(a, b) || IsWithin(b, a)) {
    throw base::Error(base::ErrorKind::kConflict,
                      fmt::format("{} and {} lie inside one another", a.native(), b.native()),
                      {"give every tablespace a directory of its own with --tablespace OLD=NEW"});
  }
}

bool Names(const std::string& key, const catalog::TablespaceFacts& tablespace) {
  return key == tablespace.location || key == tablespace.name ||
         key == std::to_string(tablespace.oid);
}

}  // namespace

std::map<pg::Oid, base::Path> MapTablespaces(
    const std::vector<catalog::TablespaceFacts>& tablespaces,
    const std::map<std::string, base::Path>& asked, const base::Path& data_directory) {
  std::map<pg::Oid, base::Path> mapped;
  for (const auto& [key, target] : asked) {
    const auto found = std::ranges::find_if(
        tablespaces, [&, &name = key](const auto& t) { return !t.in_place && Names(name, t); });
    if (found == tablespaces.end()) {
      throw base::Error(
          base::ErrorKind::kUsage, fmt::format("the backup has no tablespace {}", key),
          {"name it by its old location, its name or its OID, as `holdfast show` lists them"});
    }
    if (!target.is_absolute()) {
      throw base::Error(base::ErrorKind::kUsage,
                        fmt::format("{} is not an absolute path", target.native()));
    }
    if (!mapped.emplace(found->oid, target.lexically_normal()).second) {
      throw base::Error(base::ErrorKind::kUsage,
                        fmt::format("tablespace {} is given two places", found->name));
    }
  }
  for (const catalog::TablespaceFacts& tablespace : tablespaces) {
    if (!tablespace.in_place)
      mapped.emplace(tablespace.oid, base::Path(tablespace.location).lexically_normal());
  }
  for (auto one = mapped.begin(); one != mapped.end(); ++one) {
    CheckApart(one->second, data_directory);
    for (auto other = std::next(one); other != mapped.end(); ++other)
      CheckApart(one->second, other->second);
  }
  return mapped;
}

void CheckSpace(const std::map<base::Path, std::uint64_t>& bytes_by_directory) {
  struct Need {
    base::Path directory;
    std::uint64_t bytes = 0;
    std::uint64_t free = 0;
  };
  std::map<dev_t, Need> needs;
  for (const auto& [directory, bytes] : bytes_by_directory) {
    base::Path existing = directory;
    while (!base::Exists(existing) && existing.has_relative_path())
      existing = existing.parent_path();
    struct stat status {};
    if (::stat(existing.c_str(), &status) != 0)
      throw base::SystemError(errno, fmt::format("cannot look at {}", existing.native()));
    Need& need = needs[status.st_dev];
    need.directory = directory;
    need.bytes += bytes;
    need.free = base::FreeBytes(existing);
  }
  for (const auto& [device, need] : needs) {
    if (need.bytes <= need.free) continue;
    throw base::Error(
        base::ErrorKind::kUnavailable,
        fmt::format("the file system of {} has {} free, and {} are needed", need.directory.native(),
                    base::FormatBytes(need.free), base::FormatBytes(need.bytes)),
        {"free some space there, or take another disk; nothing was written"});
  }
}

}  // namespace holdfast::restore
