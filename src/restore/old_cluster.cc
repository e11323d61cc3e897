#include "restore/old_cluster.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "repo/frame_reader.h"
#include "restore/claim.h"
#include "restore/tree_walk.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kTablespaces = "pg_tblspc";

bool IsOwnMark(std::string_view path) {
  return path == kUnfinishedControlPath || path.ends_with("/lost+found") || path == "lost+found";
}

// "pg_tblspc/NAME": where servers expect links and folders, and refuse files.
bool IsInTablespaces(std::string_view path) {
  return path.starts_with("pg_tblspc/") &&
         path.find('/', kTablespaces.size() + 1) == std::string_view::npos;
}

// "pg_tblspc/16390": whatever lies there belongs to one tablespace.
bool IsTablespaceTop(std::string_view path) { return IsInTablespaces(path) && TablespaceOf(path); }

}  // namespace

OldCluster::OldCluster(const repo::Repository& repository, const RestorePlan& plan) : plan_(plan) {
  repo::FrameReader frames(repository);
  repo::TreeReader tree(frames, plan.backup.facts.tree);
  while (auto entry = tree.Next()) tree_.emplace(std::move(entry->path), entry->type);
}

void OldCluster::ForEachStranger(const Visit& visit) const {
  const Looker looker{.stranger = visit, .file = [](std::uint64_t) {}};
  Look(plan_.to, "", looker);
  for (const auto& [oid, directory] : plan_.tablespaces)
    Look(directory, std::string(kTablespaces) + "/" + std::to_string(oid), looker);
}

std::map<base::Path, std::uint64_t> OldCluster::Bytes() const {
  std::map<base::Path, std::uint64_t> bytes;
  const auto count = [&](const base::Path& directory, const std::string& path) {
    Look(directory, path,
         {.stranger = [](const base::Path&) {},
          .file = [&](std::uint64_t size) { bytes[directory] += size; }});
  };
  count(plan_.to, "");
  for (const auto& [oid, directory] : plan_.tablespaces)
    count(directory, std::string(kTablespaces) + "/" + std::to_string(oid));
  return bytes;
}

std::uint64_t OldCluster::RemoveStrangers() const {
  std::vector<base::Path> strangers;
  ForEachStranger([&](const base::Path& place) { strangers.push_back(place); });
  for (const base::Path& place : strangers) fs::remove_all(place);
  return strangers.size();
}

void OldCluster::RequireNoStrangeTablespace() const {
  ForEachStranger([&](const base::Path& place) {
    if (place.parent_path() != plan_.to / kTablespaces || !fs::is_symlink(place)) return;
    // One that goes elsewhere now: its link is made anew.
    if (tree_.contains(base::Path(kTablespaces) / place.filename())) return;
    const base::Path target = fs::read_symlink(place);
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("{} leads to {}, a tablespace that the backup does not have", place.native(),
                    target.native()),
        {fmt::format("recovery may create it anew there and would meet its old files: empty {} if "
                     "it is this cluster's, and remove the link",
                     target.native())});
  });
}

void OldCluster::Look(const base::Path& directory, const std::string& path,
                      const Looker& looker) const {
  if (!base::Exists(directory)) return;
  for (const std::string& name : base::NamesIn(directory)) {
    const base::Path place = directory / name;
    std::string below = path;
    if (!below.empty()) below += '/';
    below += name;
    if (IsOwnMark(below)) continue;
    if (IsTablespaceTop(path) && !tree_.contains(below)) continue;
    if (IsStranger(place, below)) {
      looker.stranger(place);
    } else if (const fs::file_status status = fs::symlink_status(place);
               fs::is_regular_file(status)) {
      looker.file(fs::file_size(place));
    } else if (fs::is_directory(status) && below != "pg_wal") {
      Look(place, below, looker);
    }
  }
}

bool OldCluster::IsStranger(const base::Path& place, const std::string& path) const {
  const auto found = tree_.find(path);
  if (found == tree_.end()) return true;
  const fs::file_status status = fs::symlink_status(place);
  if (IsInTablespaces(path) && fs::is_regular_file(status)) return true;
  switch (found->second) {
    case repo::FileType::kRegular:
      return !fs::is_regular_file(status);
    case repo::FileType::kDirectory:
      return path == "pg_wal" ? !fs::is_directory(place) : !fs::is_directory(status);
    case repo::FileType::kSymlink:
      break;
  }
  if (path == "pg_wal") return !fs::is_directory(place);
  if (!fs::is_symlink(status)) return true;
  const auto oid = TablespaceOf(path);
  if (!oid || !plan_.tablespaces.contains(*oid)) return false;
  return fs::read_symlink(place) != plan_.tablespaces.at(*oid);
}

}  // namespace holdfast::restore
