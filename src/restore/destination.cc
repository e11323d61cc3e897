#include "restore/destination.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "base/error.h"
#include "base/size_text.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

bool IsEmptyOrAbsent(const base::Path& directory) {
  if (!fs::exists(fs::symlink_status(directory))) return true;
  if (!fs::is_directory(directory)) {
    throw base::Error(base::ErrorKind::kConflict,
                      fmt::format("{} exists and is not a directory", directory.native()));
  }
  // A freshly made file system has this one directory.
  return std::ranges::all_of(
      fs::directory_iterator(directory),
      [](const fs::directory_entry& entry) { return entry.path().filename() == "lost+found"; });
}

// The process named by postmaster.pid, if it lives. A stale file with a re-used number errs on the
// safe side.
bool ServerRuns(const base::Path& directory) {
  const auto contents = base::ReadFileIfExists(directory / "postmaster.pid");
  if (!contents) return false;
  const std::string_view text = base::AsText(*contents);
  int pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
}

bool IsUnfinishedRestore(const base::Path& directory) {
  return fs::exists(directory / kUnfinishedControlPath) && !fs::exists(directory / kControlPath);
}

constexpr std::string_view kMarkHeading = "an unfinished restore by holdfast";

// The tablespace directories of an unfinished restore.
std::set<base::Path> FilledBefore(const base::Path& data_directory) {
  std::set<base::Path> directories;
  if (!IsUnfinishedRestore(data_directory)) return directories;
  const base::Bytes mark = base::ReadFile(data_directory / kUnfinishedControlPath);
  std::istringstream lines{std::string(base::AsText(mark))};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('/')) directories.insert(base::Path(line));
  }
  return directories;
}

std::string MarkOf(const std::set<base::Path>& directories) {
  std::string mark = fmt::format("{}\n", kMarkHeading);
  for (const base::Path& directory : directories) mark += fmt::format("{}\n", directory.native());
  return mark;
}

bool Contains(const base::Path& outer, const base::Path& inner) {
  const auto [mismatch, rest] = std::ranges::mismatch(outer, inner);
  return mismatch == outer.end();
}

void CheckApart(const base::Path& a, const base::Path& b) {
  if (Contains(a, b) || Contains(b, a)) {
    throw base::Error(base::ErrorKind::kConflict,
                      fmt::format("{} and {} lie inside one another", a.native(), b.native()),
                      {"give every tablespace a directory of its own with --tablespace OLD=NEW"});
  }
}

bool Names(const std::string& key, const catalog::TablespaceFacts& tablespace) {
  return key == tablespace.location || key == tablespace.name ||
         key == std::to_string(tablespace.oid);
}

void Empty(const base::Path& directory) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename() != "lost+found") fs::remove_all(entry.path());
  }
}

}  // namespace

DestinationState CheckDataDirectory(const base::Path& directory) {
  if (IsEmptyOrAbsent(directory)) return DestinationState::kFree;
  if (ServerRuns(directory)) {
    throw base::Error(base::ErrorKind::kConflict,
                      fmt::format("a server is running on {}", directory.native()),
                      {"restore into another directory"});
  }
  if (IsUnfinishedRestore(directory)) return DestinationState::kUnfinished;
  throw base::Error(base::ErrorKind::kConflict, fmt::format("{} is not empty", directory.native()),
                    {"restore into an empty directory, or move what is there out of the way"});
}

void CheckTablespaceDirectory(const base::Path& directory, const base::Path& data_directory) {
  if (IsEmptyOrAbsent(directory) || FilledBefore(data_directory).contains(directory)) return;
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("the tablespace directory {} is not empty", directory.native()),
      {fmt::format("give it another place: --tablespace {}=NEW", directory.native())});
}

std::map<pg::Oid, base::Path> MapTablespaces(
    const std::vector<catalog::TablespaceFacts>& tablespaces,
    const std::map<std::string, base::Path>& asked, const base::Path& data_directory) {
  std::map<pg::Oid, base::Path> mapped;
  for (const auto& [key, target] : asked) {
    const auto found = std::ranges::find_if(
        tablespaces, [&](const auto& t) { return !t.in_place && Names(key, t); });
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
    while (!fs::exists(existing) && existing.has_relative_path()) existing = existing.parent_path();
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
    throw base::Error(base::ErrorKind::kUnavailable,
                      fmt::format("the file system of {} has {} free, and the restore needs {}",
                                  need.directory.native(), base::FormatBytes(need.free),
                                  base::FormatBytes(need.bytes)),
                      {"free some space there, or restore to another disk; nothing was written"});
  }
}

void PrepareDirectories(const base::Path& data_directory,
                        const std::map<pg::Oid, base::Path>& tablespaces) {
  const DestinationState state = CheckDataDirectory(data_directory);
  for (const auto& [oid, directory] : tablespaces)
    CheckTablespaceDirectory(directory, data_directory);
  std::set<base::Path> filled = FilledBefore(data_directory);
  // The mark goes last when emptying and first when filling: between the two nothing says
  // "cluster".
  if (state == DestinationState::kUnfinished) {
    for (const auto& [oid, directory] : tablespaces) {
      if (filled.contains(directory) && fs::exists(directory)) Empty(directory);
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(data_directory)) {
      if (entry.path().filename() != "global" && entry.path().filename() != "lost+found")
        fs::remove_all(entry.path());
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(data_directory / "global")) {
      if (entry.path().filename() != base::Path(kUnfinishedControlPath).filename())
        fs::remove_all(entry.path());
    }
  }
  // Also what an earlier attempt filled and this one does not: a third may come back to it.
  for (const auto& [oid, directory] : tablespaces) filled.insert(directory);
  base::MakeDirectories(data_directory / "global");
  base::WriteFileDurably(data_directory / kUnfinishedControlPath, base::AsBytes(MarkOf(filled)));
  for (const auto& [oid, directory] : tablespaces) base::MakeDirectories(directory);
}

}  // namespace holdfast::restore
